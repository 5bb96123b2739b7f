// Types of what travels in rooms, by room pattern: an application derives them from its server's schemas, its clients
// are checked against them. Types only; nothing here runs.

import type { Data, Json } from './frames.js'

/** What travels in the rooms of one pattern. */
export interface RoomType {
  readonly entry: unknown
  readonly presence: unknown
  readonly signal: unknown
}

/** Patterns with their types: `{ 'chat/:id': { entry: { text: string }, presence: Json, signal: Data } }`. */
export type RoomTypes = { readonly [pattern: string]: RoomType }

/** A room of which nothing is known. */
export interface AnyRoom extends RoomType {
  readonly entry: Data
  readonly presence: Json
  readonly signal: Data
}

/** Any name, any data. */
export type AnyRooms = { readonly [pattern: string]: AnyRoom }

/** The names that fit the patterns: `chat/:id` gives `chat/${string}`, a last `*` any rest. */
export type RoomName<Rooms extends RoomTypes> = NameOf<keyof Rooms & string>

/** What travels in the room `Name`: an exact name counts before parameters, these before `*`. */
export type RoomOf<Rooms extends RoomTypes, Name extends string> = Name extends keyof Rooms
  ? Rooms[Name]
  : Or<Rooms, Fitting<Exclude<keyof Rooms & string, Open>, Name>, Fitting<keyof Rooms & string, Name>>

type Open = '*' | `${string}/*`

type Or<Rooms extends RoomTypes, First extends string, Second extends string> = [First] extends [never]
  ? Rooms[Second]
  : Rooms[First]

type NameOf<Pattern extends string> = Pattern extends `${infer Head}/${infer Tail}`
  ? `${SegmentOf<Head>}/${NameOf<Tail>}`
  : SegmentOf<Pattern>

type SegmentOf<Segment extends string> = Segment extends '*' | `:${string}` ? string : Segment

/** The patterns among `Pattern` that the name fits. */
type Fitting<Pattern extends string, Name extends string> = Pattern extends string
  ? Fits<Pattern, Name> extends true
    ? Pattern
    : never
  : never

type Fits<Pattern extends string, Name extends string> = Pattern extends '*'
  ? true
  : Pattern extends `${infer Head}/${infer Tail}`
    ? Name extends `${infer NameHead}/${infer NameTail}`
      ? FitsSegment<Head, NameHead> extends true
        ? Fits<Tail, NameTail>
        : false
      : false
    : Name extends `${string}/${string}`
      ? false
      : FitsSegment<Pattern, Name>

type FitsSegment<Segment extends string, Name extends string> = Segment extends `:${string}`
  ? true
  : Name extends Segment
    ? true
    : false
