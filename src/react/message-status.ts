// How a message of mine stands, in words: on its way, kept, failed. Unstyled but for CSS variables.

import type { Message } from './message-log.js'
import { type CSSProperties, createElement, type FunctionComponent } from './npm-install-react.js'

export interface StatusTexts {
  readonly sending: string
  readonly kept: string
  /** `reason` as the publish gave it: `unknown` and `poison` may have arrived all the same. */
  readonly failed: (reason: string, message: string) => string
  readonly retry: string
  readonly dismiss: string
}

export interface MessageStatusProps {
  readonly message: Message<unknown>
  /** Shows a button for a failed one. */
  readonly onRetry?: (mark: string) => void
  readonly onDismiss?: (mark: string) => void
  readonly className?: string
  readonly texts?: Partial<StatusTexts>
}

const english: StatusTexts = {
  sending: 'Sending …',
  kept: 'Sent',
  failed: (reason, message) =>
    reason === 'unknown' || reason === 'poison' ? 'Nobody can tell whether it arrived.' : `Not sent: ${message}`,
  retry: 'Send again',
  dismiss: 'Discard',
}

/**
 * Nothing for messages of others. The words change in a polite live region. Variables: `--holdfast-status-color`,
 * `-sending-color`, `-kept-color`, `-failed-color`, `-gap`; `transition` follows `prefers-reduced-motion` by your CSS,
 * there is none here.
 */
export const MessageStatus: FunctionComponent<MessageStatusProps> = (props) => {
  const { message, onRetry, onDismiss, className, texts } = props
  if (message.kind === 'gap' || !message.isMine) return null
  const said = { ...english, ...texts }
  const { id, state } = message
  const error = message.kind === 'draft' ? message.error : null
  const text = error === null ? said[state === 'failed' ? 'kept' : state] : said.failed(error.reason, error.message)
  const button = (label: string, act: ((mark: string) => void) | undefined) =>
    act === undefined || error === null
      ? null
      : createElement('button', { type: 'button', onClick: () => act(id) }, label)
  return createElement(
    'span',
    { role: 'status', 'aria-live': 'polite', 'data-holdfast-state': state, className, style: styleOf(state) },
    text,
    button(said.retry, onRetry),
    button(said.dismiss, onDismiss),
  )
}

function styleOf(state: string): CSSProperties {
  return {
    display: 'inline-flex',
    gap: 'var(--holdfast-status-gap, 0.5em)',
    color: `var(--holdfast-status-${state}-color, var(--holdfast-status-color, inherit))`,
  }
}
