// Who this client is to the server: the session's credentials, the application's token, the guest's device key.
// It reads and saves them around dials; the rules of the credentials are in credentials.ts.

import { base64url } from '../protocol/base64url.js'
import type { Hello, Welcome } from '../protocol/frames.js'
import { bounds } from '../protocol/limits.js'
import type { Chance } from '../protocol/time.js'
import type { Prepared } from './connection.js'
import {
  type Credentials,
  forNextDial,
  newCredentials,
  parsed,
  promoted,
  proofOf,
  raised,
  renewed,
  serialised,
} from './credentials.js'
import type { SafeStorage } from './storage.js'

/**
 * Called before every dial, one call at a time. Null: the user is signed out, and nothing is dialled until he acts.
 * A rejection, or a throw, means "try later": it is asked again with back-off, and nothing is dialled without a token.
 */
export type Auth = () => Promise<string | null> | string | null

/** Tells whether another living page holds this session: a duplicated tab copies its storage. */
export interface Claims {
  /** Takes the session for this page. `copy`: a living page said that it holds it. Never rejects. */
  claim(session: string, instance: string): Promise<'mine' | 'copy'>
  /** Lets go of what was claimed. Idempotent. */
  release(): void
}

export interface IdentityOptions {
  readonly instance: string
  readonly storage: SafeStorage
  readonly sessionKey: string
  readonly deviceKey: string
  readonly chance: Chance
  readonly claims: Claims | null
  auth: Auth | null
}

const ready: Prepared = { kind: 'ready' }

export class Identity {
  readonly #options: IdentityOptions
  #credentials: Credentials
  /** Settles when what is stored was read and claimed; null: that must be done (again). */
  #loading: Promise<void> | null = null
  #isLoaded = false
  #asking: Promise<string | null> | null = null
  #token: string | null = null
  #device: string | null = null
  /** Why the last session was given up; null: it was not. */
  #renewedBy: string | null = null

  constructor(options: IdentityOptions) {
    this.#options = options
    this.#credentials = newCredentials(this.#secret())
  }

  get session(): string | null {
    return this.#credentials.session
  }

  get user(): string | null {
    return this.#credentials.user
  }

  /** Later calls of `connect` may bring a newer one. */
  set auth(auth: Auth) {
    this.#options.auth = auth
  }

  /** True: nobody signs in; the device's key proves who it is. */
  get isGuest(): boolean {
    return this.#options.auth === null
  }

  /** Who this tab was last welcomed as; null: nobody, or it is a copy of another tab. Never rejects. */
  async stored(): Promise<string | null> {
    this.#loading ??= this.#load()
    await this.#loading
    return this.user
  }

  /** Everything that must be known and saved before a dial. Rejects when the token cannot be had now. */
  async prepare(): Promise<Prepared> {
    this.#loading ??= this.#load()
    await this.#loading
    const { auth } = this.#options
    if (auth === null) this.#device ??= await this.#loadDevice()
    else {
      this.#asking ??= (async () => auth())().finally(() => {
        this.#asking = null
      })
      const token = await this.#asking
      if (token === null) return { kind: 'not-ready', reason: 'signed-out', isFinal: true }
      if (typeof token !== 'string' || token === '' || token.length > bounds.tokenCharsMax) {
        throw new TypeError(`auth must give a token of 1 to ${bounds.tokenCharsMax} characters, or null`)
      }
      this.#token = token
    }
    this.#credentials = forNextDial(this.#credentials)
    await this.#save()
    return ready
  }

  proof(): Pick<Hello, 'attempt' | 'nextHash' | 'session' | 'token' | 'device'> {
    const proof = proofOf(this.#credentials)
    if (this.#token !== null) return { ...proof, token: this.#token }
    return this.#device === null ? proof : { ...proof, device: this.#device }
  }

  /** Tells why the session is a new one; null when it is the one that was asked for. */
  welcomed(welcome: Welcome): string | null {
    const before = this.#credentials.session
    this.#credentials = promoted(this.#credentials, welcome, this.#secret())
    void this.#save()
    const reason = this.#renewedBy
    this.#renewedBy = null
    if (welcome.session !== before) {
      this.#options.claims?.release()
      void this.#options.claims?.claim(welcome.session, this.#options.instance)
    }
    return welcome.verdict.kind === 'new' ? (reason ?? welcome.verdict.reason) : null
  }

  /** The session cannot be resumed. */
  renew(reason: string): void {
    this.#credentials = renewed(this.#credentials, this.#secret())
    this.#renewedBy = reason
  }

  raise(lastAttempt: number): void {
    this.#credentials = raised(this.#credentials, lastAttempt)
  }

  /** The session is over, or belongs to somebody else: nothing of it is kept. */
  async forget(): Promise<void> {
    this.#credentials = newCredentials(this.#secret())
    this.#options.claims?.release()
    await this.#options.storage.set('session', this.#options.sessionKey, null)
  }

  /** The page may be frozen or gone: another may have the session. It is claimed again before the next dial. */
  letGo(): void {
    this.#options.claims?.release()
    this.#loading = null
  }

  async #load(): Promise<void> {
    const { storage, sessionKey, claims, instance } = this.#options
    if (!this.#isLoaded) {
      this.#credentials = parsed(await storage.get('session', sessionKey)) ?? this.#credentials
      this.#isLoaded = true
    }
    const { session } = this.#credentials
    if (session === null || claims === null || (await claims.claim(session, instance)) === 'mine') return
    this.#credentials = newCredentials(this.#secret())
    this.#renewedBy = 'copied-tab'
  }

  async #loadDevice(): Promise<string> {
    const { storage, deviceKey } = this.#options
    const stored = await storage.get('profile', deviceKey)
    if (isDevice(stored)) return stored
    const made = this.#secret()
    await storage.set('profile', deviceKey, made)
    // Two tabs may do this at once: both use what was written last.
    const kept = await storage.get('profile', deviceKey)
    return isDevice(kept) ? kept : made
  }

  #save(): Promise<void> {
    return this.#options.storage.set('session', this.#options.sessionKey, serialised(this.#credentials))
  }

  /** 256 bits. */
  #secret(): string {
    return base64url(this.#options.chance.bytes(32))
  }
}

function isDevice(value: string | null): value is string {
  return value !== null && /^[\w-]{20,256}$/.test(value)
}
