// The provider: which session the components below it use. Rendering it connects nothing; the first hook that is mounted
// does, so it renders on a server too.

import type { Connect, ConnectOptions } from '../client/connect.js'
import type { Session } from '../client/session.js'
import {
  createContext,
  createElement,
  type FunctionComponent,
  type ReactNode,
  useContext,
  useEffect,
  useState,
} from './npm-install-react.js'
import { SessionSource } from './session-source.js'

export type HoldfastProviderProps = {
  readonly children?: ReactNode
  /** How long session and rooms are kept after the last component that used them. Default 1000. */
  readonly lingerMs?: number
} & (
  | ({
      readonly url: string
      /** The `key` of `connect`, which tells two sessions of one URL apart; React keeps the name `key` for itself. */
      readonly sessionKey?: string
      /** Of another platform than browsers, such as `connect` of `holdfast` in Node. */
      readonly connect?: Connect
      readonly session?: never
    } & Omit<ConnectOptions, 'key'>)
  /** A session that the application made, and closes. */
  | { readonly session: Omit<Session, 'join'>; readonly url?: never }
)

const Context = createContext<SessionSource | null>(null)

/**
 * Gives a session to the hooks below. Another `url`, `sessionKey` or `session` is another session; another `auth` is the same
 * one, which asks it from then on; other options count when it connects. Two providers of the same url and key share one
 * session.
 */
export const HoldfastProvider: FunctionComponent<HoldfastProviderProps> = (props) => {
  const [source, setSource] = useState(() => ({ made: sourceOf(props), of: placeOf(props) }))
  let current = source
  if (!isSamePlace(source.of, placeOf(props))) {
    current = { made: sourceOf(props), of: placeOf(props) }
    setSource(current)
  }
  const { made } = current
  const auth = props.url === undefined ? undefined : props.auth
  useEffect(() => made.renewAuth(auth), [made, auth])
  return createElement(Context.Provider, { value: made }, props.children)
}

/** Throws outside a provider. */
export function useSource(): SessionSource {
  const source = useContext(Context)
  if (source === null) throw new Error('holdfast/react: put <HoldfastProvider url="…"> around what uses its hooks')
  return source
}

type Place = readonly [url: string | undefined, key: string | undefined, session: object | undefined]

function placeOf(props: HoldfastProviderProps): Place {
  return props.url === undefined
    ? [undefined, undefined, props.session]
    : [props.url, props.sessionKey ?? '', undefined]
}

function isSamePlace(one: Place, other: Place): boolean {
  return one.every((part, index) => part === other[index])
}

function sourceOf(props: HoldfastProviderProps): SessionSource {
  if (props.url === undefined) {
    return new SessionSource({ kind: 'given', session: props.session as unknown as Session }, props.lingerMs)
  }
  const { url, sessionKey: key, connect, lingerMs, children: _, session: __, ...rest } = props
  const options = key === undefined ? rest : { ...rest, key }
  return new SessionSource({ kind: 'own', url, options, ...(connect === undefined ? {} : { connect }) }, lingerMs)
}
