// What the banner says of the connection. It is told the steady health, so it does not flicker; pure but for `show`.

import type { Health, Status } from 'holdfast'

export interface Banner {
  readonly tone: 'connecting' | Health
  /** Read out when it changes. */
  readonly title: string
  /** Changes every second; not read out. */
  readonly detail: string
  readonly canRetry: boolean
}

/** `hasBeenLive` is false until the first time everything was delivered. */
export function bannerOf(health: Health, status: Status, hasBeenLive: boolean): Banner {
  const { state, reason } = status
  if (state === 'suspended' || state === 'closed') {
    return { tone: 'lost', title: stoppedTitle(reason), detail: '', canRetry: true }
  }
  if (!hasBeenLive && health === 'ok') return { tone: 'connecting', title: 'Connecting …', detail: '', canRetry: false }
  if (health === 'ok') return { tone: 'ok', title: 'Connected', detail: '', canRetry: false }
  const title = health === 'lost' ? 'Still no connection.' : 'Connection lost.'
  return {
    tone: health,
    title,
    detail: `${attemptText(status)} What you write is kept and sent later.`,
    canRetry: true,
  }
}

function attemptText({ nextAttemptInMs, attempt }: Status): string {
  if (nextAttemptInMs === null) return `Trying again (attempt ${attempt}) …`
  const seconds = Math.ceil(nextAttemptInMs / 1000)
  return seconds === 0 ? 'Trying again now.' : `Trying again in ${seconds} s.`
}

function stoppedTitle(reason: string | null): string {
  if (reason === 'superseded') return 'This session is used in another tab.'
  return `Stopped${reason === null ? '' : ` (${reason})`}.`
}

export function show(banner: Banner, parts: BannerParts): void {
  parts.bar.dataset['health'] = banner.tone
  // The same text again would be read out again.
  if (parts.title.textContent !== banner.title) parts.title.textContent = banner.title
  parts.detail.textContent = banner.detail
  parts.retry.hidden = !banner.canRetry
}

export interface BannerParts {
  readonly bar: HTMLElement
  readonly title: HTMLElement
  readonly detail: HTMLElement
  readonly retry: HTMLButtonElement
}
