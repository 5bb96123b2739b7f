// The React page under test: two components in one room, and a way for the test to change everything from outside.

import {
  ConnectionBanner,
  HoldfastProvider,
  MessageStatus,
  useConnection,
  useMessages,
  usePresence,
  useSend,
  useSession,
  useSignal,
} from 'holdfast/react'
import { StrictMode, useState } from 'react'
import { createRoot, type Root } from 'react-dom/client'

interface Shown {
  readonly isShown: boolean
  readonly room: string
  /** Another one is another component to React, as after a hot update. */
  readonly version: number
  readonly token: string
  readonly url: string
  readonly sessionKey: string
}

export interface ReactPage {
  show(what: Partial<Shown>): void
  send(text: string): void
  /** Unmounts the whole page and renders it anew. */
  renderAnew(): void
  readonly results: string[]
  readonly tokens: string[]
  readonly session: string | null
  /** How many different session ids were shown, and rooms' messages when they changed. */
  readonly renders: number
}

declare global {
  interface Window {
    page: ReactPage
  }
}

const start: Shown = {
  isShown: true,
  room: 'kelp',
  version: 0,
  token: 'one',
  url: `/${location.search}`,
  sessionKey: '',
}
const state = { results: [] as string[], tokens: [] as string[], session: null as string | null, renders: 0 }
let change: (what: Partial<Shown>) => void = () => {}
let send: (text: string) => void = () => {}

function App() {
  const [shown, setShown] = useState(start)
  change = (what) => setShown((before) => ({ ...before, ...what }))
  return (
    <HoldfastProvider
      url={shown.url}
      sessionKey={shown.sessionKey}
      reconnect={{ minMs: 50, maxMs: 400 }}
      auth={() => {
        state.tokens.push(shown.token)
        return `ann-${location.search.slice(1)}`
      }}
    >
      <main>
        <ConnectionBanner />
        {shown.isShown && <Chat key={shown.version} room={shown.room} />}
        {shown.isShown && <Header room={shown.room} />}
      </main>
    </HoldfastProvider>
  )
}

function Header({ room }: { readonly room: string }) {
  const { data } = useMessages(room, { last: 50 })
  const { data: members, isPending } = usePresence(room)
  const { data: connection } = useConnection()
  return (
    <header>
      <h1>{`${room}: ${data.length} messages, ${isPending ? '…' : members.length} here, ${connection.health}`}</h1>
    </header>
  )
}

function Chat({ room }: { readonly room: string }) {
  const { data: messages, status } = useMessages(room, { last: 50 })
  const { send: publish, retry, dismiss } = useSend(room)
  const { data } = useSession()
  const { data: signals } = useSignal(room)
  usePresence(room, { name: 'Ann' })
  state.session = data.id
  state.renders += 1
  send = (text) => {
    void publish({ text }).then(({ kind }) => state.results.push(`${text} ${kind}`))
  }
  return (
    <section aria-label="Chat" data-status={status} data-signals={signals.length}>
      <ol>
        {messages.map((message) => (
          <li key={message.id}>
            {message.kind === 'gap' ? 'missing' : (message.data as { text: string }).text}{' '}
            <MessageStatus message={message} onRetry={retry} onDismiss={dismiss} />
          </li>
        ))}
      </ol>
    </section>
  )
}

let root: Root
function render(): void {
  document.title = 'A chat'
  const place = document.createElement('div')
  document.body.replaceChildren(place)
  root = createRoot(place)
  root.render(
    <StrictMode>
      <App />
    </StrictMode>,
  )
}

window.page = {
  show: (what) => change(what),
  send: (text) => send(text),
  renderAnew() {
    root.unmount()
    render()
  },
  get results() {
    return state.results
  },
  get tokens() {
    return state.tokens
  },
  get session() {
    return state.session
  },
  get renders() {
    return state.renders
  },
}
render()
