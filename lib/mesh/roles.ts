/**
 * The role of this tab: it follows the tab that leads its identity, or leads, and changes with the election. What its applications hold
 * stays: links are handed from one role to the next.
 *
 *   follower ──elected──▶ (loads what the store holds) ──▶ leader ──overtaken, page left──▶ follower
 */

import { deferred } from '../base/deferred.ts'
import type { Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import { leadRetryMs } from '../base/limits.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { Handover } from '../link/handover.ts'
import { FencedStore, type LeaderRecord } from '../storage/fenced-store.ts'
import type { Channel } from '../transport/transport.ts'
import { Desk } from './desk.ts'
import { Follower } from './follower.ts'
import { Leader } from './leader.ts'
import { Leadership } from './leadership.ts'
import type { RoleOptions } from './parts.ts'
import { report } from './report.ts'
import type { Role } from './role.ts'
import { acceptTabChannels } from './tab-channel.ts'
import type { TabHub } from './tab-hub.ts'

export class Roles {
  readonly #options: RoleOptions
  readonly #hub: TabHub
  /** Gets each role as it begins. */
  readonly #onRole: (role: Role) => void
  readonly #desks = new Set<Desk>()
  readonly #stops: Unsubscribe[]
  readonly #opened = deferred<void>()
  #isOpen = false
  #leadership: Leadership | undefined
  /** That this tab leads with, or is about to. */
  #record: LeaderRecord | undefined
  #preparing: Promise<Leader | undefined> = Promise.resolve(undefined)
  #role: Leader | Follower
  #cancelRetry = () => {}
  #isClosed = false

  private constructor(options: RoleOptions, hub: TabHub, onRole: (role: Role) => void) {
    const { identity } = options
    const { runtime } = identity
    this.#options = options
    this.#hub = hub
    this.#onRole = onRole
    this.#role = this.#follower(new Map())
    this.#stops = [
      acceptTabChannels({ hub, runtime }, (channel, from) => void this.#serve(channel, from)),
      runtime.onPageHide(() => this.#leave()),
      runtime.onWake(() => this.#join()),
      identity.on('unlocked-elsewhere', () => this.#giveWay()),
    ]
  }

  /**
   * Takes part in the election; resolves when this tab leads, or follows one that does.
   * @throws HandfastError `identity-in-use`, `storage-failed`, `invalid-argument`, `unsupported`
   */
  static async open(
    options: RoleOptions,
    hub: TabHub,
    onRole: (role: Role) => void,
  ): Promise<Roles> {
    const roles = new Roles(options, hub, onRole)
    roles.#join()
    try {
      await roles.#opened.promise
      return roles
    } catch (error) {
      await roles.close()
      throw error
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const stop of this.#stops) stop()
    this.#cancelRetry()
    // The next one may lead at once: what this one still writes is fenced off.
    this.#leadership?.close()
    this.#record = undefined
    const desks = [...this.#desks].map((desk) => desk.close())
    await Promise.all([this.#role.close(), ...desks])
    this.#hub.close()
  }

  // ── The election ─────────────────────────────────────────────────────────────────────────────────

  #join(): void {
    if (this.#leadership || this.#isClosed) return
    this.#cancelRetry()
    const { runtime, store } = this.#options.identity
    const leadership = new Leadership({ hub: this.#hub, runtime, store })
    this.#leadership = leadership
    leadership.on('lead', (record) => {
      this.#record = record
      this.#preparing = this.#lead(leadership, record)
    })
    leadership.on('follow', (leaderId) => this.#follow(leaderId))
    leadership.on('lost', () => this.#stepDown())
  }

  /** The page is being left, or can't lead: another tab shall, at once. */
  #leave(): void {
    this.#leadership?.close()
    this.#leadership = undefined
    this.#stepDown()
  }

  /** A tab whose keys are locked can't call anybody: one that has been unlocked does better. */
  #giveWay(): void {
    if (!(this.#role instanceof Leader)) return
    this.#leave()
    this.#join()
  }

  // ── Following ────────────────────────────────────────────────────────────────────────────────────

  #follower(handovers: ReadonlyMap<PeerId, Promise<Handover>>): Follower {
    const { identity, tracer } = this.#options
    const { runtime, store } = identity
    return new Follower({ hub: this.#hub, runtime, store, handovers, tracer })
  }

  #follow(leaderId: string): void {
    const follower = this.#role
    if (!(follower instanceof Follower)) return
    follower.follow(leaderId)
    if (this.#isOpen) return
    follower.ready().then(
      () => this.#begin(follower),
      (error: unknown) => {
        if (this.#role === follower) this.#opened.reject(error)
      },
    )
  }

  /** The first role that works. */
  #begin(role: Leader | Follower): void {
    if (this.#role !== role || this.#isOpen) return
    this.#isOpen = true
    this.#onRole(role)
    this.#opened.resolve()
  }

  #stepDown(): void {
    this.#record = undefined
    if (!(this.#role instanceof Leader)) return
    const handovers = this.#role.release()
    for (const desk of this.#desks) void desk.close()
    this.#role = this.#follower(handovers)
    this.#onRole(this.#role)
    const leaderId = this.#leadership?.leaderId
    if (leaderId !== undefined) this.#role.follow(leaderId)
  }

  // ── Leading ──────────────────────────────────────────────────────────────────────────────────────

  async #lead(leadership: Leadership, record: LeaderRecord): Promise<Leader | undefined> {
    const { identity } = this.#options
    const store = new FencedStore(identity.store, record.generation, () => void leadership.check())
    const options = { ...this.#options, identity: identity.with(store) }
    const leads = () => leadership.leads || leadership.check()
    try {
      const leader = await Leader.open(options, { run: record.run, leads })
      if (this.#record !== record) {
        leader.release()
        return undefined
      }
      const handovers = this.#role instanceof Follower ? this.#role.release() : new Map()
      this.#role = leader
      leader.begin(handovers)
      if (this.#isOpen) this.#onRole(leader)
      else this.#begin(leader)
      void this.#tidy(leader)
      return leader
    } catch (error) {
      if (this.#record !== record) return undefined
      if (!this.#isOpen) this.#opened.reject(error)
      else if (!isLocked(error)) report(error)
      this.#leave()
      this.#cancelRetry = this.#options.identity.runtime.setTimer(leadRetryMs, () => this.#join())
      return undefined
    }
  }

  /** A follower comes: to the one that leads, or is about to. */
  async #serve(channel: Channel, tab: string): Promise<void> {
    const leader = this.#record && (await this.#preparing)
    if (!leader || this.#role !== leader) return channel.close()
    const { runtime } = this.#options.identity
    const desk = new Desk({ leader, channel, tab, runtime })
    this.#desks.add(desk)
    await desk.ended
    this.#desks.delete(desk)
    void this.#tidy(leader)
  }

  /** What tabs that are gone have left behind. */
  async #tidy(leader: Leader): Promise<void> {
    try {
      const live = await this.#hub.live()
      if (!leader.isOver) await leader.sweep((tab) => live.has(tab))
    } catch (error) {
      if (!leader.isOver) report(error)
    }
  }
}

/** It will be tried again. */
const isLocked = (error: unknown) => error instanceof HandfastError && error.code === 'locked'
