// What is said in a room: entries and gaps of its log in their order, then what this person has on its way. Text goes in
// as text, never as markup.

import type { Gap } from 'holdfast'
import { type Message, MessageStatus } from 'holdfast/react'
import { Avatar } from './avatar.js'
import { nameIn, textIn } from './said.js'

export interface MessageListProps {
  readonly messages: readonly Message[]
  readonly onRetry: (mark: string) => void
  readonly onDismiss: (mark: string) => void
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })

export function MessageList({ messages, onRetry, onDismiss }: MessageListProps) {
  return (
    <div role="log" aria-live="polite" aria-label="Message log">
      <ol className="log">
        {messages.map((message) =>
          message.kind === 'gap' ? (
            <li key={message.id} className="note gap">
              {gapText(message.gap)}
            </li>
          ) : (
            <li key={message.id} className={message.isMine ? 'message mine' : 'message'} data-state={message.state}>
              {message.isMine ? null : <Avatar isSmall name={nameOf(message)} />}
              <div className="bubble">
                <p className="meta">
                  <b>{nameOf(message)}</b>
                  {message.kind === 'entry' ? (
                    <time dateTime={new Date(message.entry.atMs).toISOString()}>
                      {clock.format(message.entry.atMs)}
                    </time>
                  ) : null}
                  {message.kind === 'entry' && message.entry.source === 'replay' ? (
                    <span className="replayed">replayed</span>
                  ) : null}
                  <MessageStatus message={message} className="status" onRetry={onRetry} onDismiss={onDismiss} />
                </p>
                <p className="text">{textIn(message.data, 'text') ?? JSON.stringify(message.data)}</p>
              </div>
            </li>
          ),
        )}
      </ol>
    </div>
  )
}

function nameOf(message: Exclude<Message, { kind: 'gap' }>): string {
  const by = message.kind === 'entry' ? message.entry.by : null
  return nameIn(message.data) ?? by?.user ?? 'the server'
}

function gapText({ from, to, reason }: Gap): string {
  const what = to < from ? 'Some messages are' : from === to ? 'A message is' : `${to - from + 1} messages are`
  return `${what} missing here (${reason}).`
}
