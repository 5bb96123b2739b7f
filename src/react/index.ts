'use client'
// React for Holdfast: entry `holdfast/react`. React 18.3 or 19.

export { type BannerTexts, ConnectionBanner, type ConnectionBannerProps } from './connection-banner.js'
export {
  type ConnectionResult,
  createHooks,
  type Hooks,
  type MessagesOptions,
  type MessagesResult,
  type PresenceResult,
  type Result,
  type SendResult,
  type SignalOptions,
  type SignalResult,
  useConnection,
  useMessages,
  usePresence,
  useRoom,
  useSend,
  useSession,
  useSignal,
} from './hooks.js'
export type { Draft, GapMessage, KeptMessage, Message } from './message-log.js'
export { MessageStatus, type MessageStatusProps, type StatusTexts } from './message-status.js'
export { HoldfastProvider, type HoldfastProviderProps } from './provider.js'
export type { Failure, RoomWish, Signal } from './room-store.js'
export type { ConnectionView, Person } from './session-hub.js'
