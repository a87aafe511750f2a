/** What another tab is to know, told in one request at a time: what is new meanwhile goes together with the next. */

export class News {
  readonly #tell: () => Promise<unknown>
  /** Under way, or over. */
  #telling = Promise.resolve()
  /** After that, if there is something new by then. */
  #next: Promise<void> | undefined

  /** `tell` takes all that is new. When it fails, nobody is there any more. */
  constructor(tell: () => Promise<unknown>) {
    this.#tell = tell
  }

  add(): void {
    this.#next ??= this.#run()
  }

  /** Resolves when the other tab has had all that is new by now, or is gone: it does not wait for what is newer, which may never end. */
  told(): Promise<void> {
    return this.#next ?? this.#telling
  }

  async #run(): Promise<void> {
    await this.#telling
    this.#telling = this.#next!
    this.#next = undefined
    await this.#tell().catch(() => {})
  }
}
