// Tells people that there is no connection, and that what they write is kept. Unstyled but for CSS variables; says
// nothing while all is well.

import { type CSSProperties, createElement, type FunctionComponent } from './npm-install-react.js'
import { useConnection } from './hooks.js'
import type { ConnectionView } from './session-hub.js'

export interface BannerTexts {
  /** There has been no connection yet, and the first attempt failed. */
  readonly connecting: string
  readonly reconnecting: string
  readonly lost: string
  /** A person must act: signed out, used elsewhere, over. */
  readonly stopped: (reason: string) => string
  readonly retry: string
}

export interface ConnectionBannerProps {
  readonly className?: string
  readonly texts?: Partial<BannerTexts>
}

const english: BannerTexts = {
  connecting: 'No connection yet. Trying again … What you write is kept.',
  reconnecting: 'Connection lost. Reconnecting … What you write is kept.',
  lost: 'Still no connection. What you write is kept.',
  stopped: (reason) => (reason === 'superseded' ? 'You are connected somewhere else.' : `Not connected: ${reason}.`),
  retry: 'Try now',
}

/**
 * The live region is always there, so that screen readers hear what comes into it. Variables: `--holdfast-banner-padding`,
 * `-gap`, `-color`, `-background`, `-reconnecting-background`, `-lost-background`, `-radius`.
 */
export const ConnectionBanner: FunctionComponent<ConnectionBannerProps> = ({ className, texts }) => {
  const { data, retryNow } = useConnection()
  const said = { ...english, ...texts }
  const text = textOf(data, said)
  const common = { role: 'status', 'aria-live': 'polite', 'data-holdfast-health': data.health, className } as const
  if (text === null) return createElement('div', common)
  const retry = createElement('button', { type: 'button', onClick: retryNow }, said.retry)
  return createElement('div', { ...common, style: styleOf(data) }, createElement('span', null, text), retry)
}

function textOf({ health, state, reason, attempt }: ConnectionView, texts: BannerTexts): string | null {
  if (state === 'suspended' || state === 'closed') return texts.stopped(reason ?? state)
  if (health === 'lost') return texts.lost
  if (health === 'connecting' && attempt > 1) return texts.connecting
  return health === 'reconnecting' ? texts.reconnecting : null
}

function styleOf({ health }: ConnectionView): CSSProperties {
  return {
    display: 'flex',
    alignItems: 'center',
    gap: 'var(--holdfast-banner-gap, 0.75em)',
    padding: 'var(--holdfast-banner-padding, 0.5em 0.75em)',
    borderRadius: 'var(--holdfast-banner-radius, 0)',
    color: 'var(--holdfast-banner-color, inherit)',
    background: `var(--holdfast-banner-${health}-background, var(--holdfast-banner-background, transparent))`,
  }
}
