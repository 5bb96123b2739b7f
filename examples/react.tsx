// A chat in React: what is typed shows at once and survives drops; the banner speaks only when something is wrong.

import type { RoomsOf } from 'holdfast/server'
import { ConnectionBanner, createHooks, HoldfastProvider, MessageStatus } from 'holdfast/react'
import { useState } from 'react'
import type { rooms } from './typed-rooms.js'

const { useMessages, usePresence, useSend } = createHooks<RoomsOf<typeof rooms>>()

export function App({ url, token }: { readonly url: string; readonly token: () => Promise<string> }) {
  return (
    <HoldfastProvider url={url} auth={token}>
      <ConnectionBanner texts={{ lost: 'Still offline. Your messages wait here.' }} />
      <Chat id="42" name="Ann" />
    </HoldfastProvider>
  )
}

function Chat({ id, name }: { readonly id: string; readonly name: string }) {
  const { data: messages, isPending, hasOlder, loadOlder } = useMessages(`chat/${id}`, { last: 50 })
  const { send, retry, dismiss } = useSend(`chat/${id}`)
  const { data: members } = usePresence(`chat/${id}`, { name })
  const [text, setText] = useState('')
  if (isPending) return <p>Loading …</p>
  return (
    <section>
      <p>{members.map(({ data, user }) => data?.name ?? user).join(', ')}</p>
      {hasOlder && (
        <button type="button" onClick={() => loadOlder()}>
          Earlier messages
        </button>
      )}
      <ol>
        {messages.map((message) => (
          <li key={message.id}>
            {message.kind === 'gap' ? 'Some messages are missing here.' : message.data.text}
            <MessageStatus message={message} onRetry={retry} onDismiss={dismiss} />
          </li>
        ))}
      </ol>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void send({ text })
          setText('')
        }}
      >
        <input aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} />
      </form>
    </section>
  )
}
