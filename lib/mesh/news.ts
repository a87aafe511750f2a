/** What another tab is to know, told in one request at a time: what is new meanwhile goes together with the next. */

export class News {
  readonly #tell: () => Promise<unknown>
  #isNew = false
  #telling: Promise<void> | undefined

  /** `tell` takes all that is new. When it fails, nobody is there any more. */
  constructor(tell: () => Promise<unknown>) {
    this.#tell = tell
  }

  add(): void {
    this.#isNew = true
    void this.told()
  }

  /** Resolves when the other tab has had all that is new by now, or is gone. */
  told(): Promise<void> {
    this.#telling ??= this.#run().finally(() => (this.#telling = undefined))
    return this.#telling
  }

  async #run(): Promise<void> {
    await Promise.resolve()
    while (this.#isNew) {
      this.#isNew = false
      await this.#tell().catch(() => {})
    }
  }
}
