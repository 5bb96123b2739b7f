// Who is in the room: one line per session, and whether its connection is there or the session is held.

import type { Member } from 'holdfast'

/** What each session shows of itself in a room. */
export interface Shown {
  readonly name: string
}

/** Data of a stranger: a name only if it is one. */
export function nameIn(data: unknown): string | null {
  if (typeof data !== 'object' || data === null || !('name' in data)) return null
  return typeof data.name === 'string' && data.name.trim() !== '' ? data.name.slice(0, 24) : null
}

export function showPeople(list: HTMLElement, members: readonly Member[], myself: string | null): void {
  const isMine = (member: Member) => Number(member.session === myself)
  const sorted = [...members].sort((a, b) => isMine(b) - isMine(a) || nameOf(a).localeCompare(nameOf(b)))
  list.replaceChildren(...sorted.map((member) => person(member, isMine(member) === 1)))
}

function nameOf({ data, user }: Member): string {
  return nameIn(data) ?? user
}

function person(member: Member, isMe: boolean): HTMLElement {
  const item = document.createElement('li')
  item.dataset['state'] = member.state
  const dot = document.createElement('span')
  dot.className = 'dot'
  dot.setAttribute('aria-hidden', 'true')
  const name = document.createElement('span')
  name.textContent = `${nameOf(member)}${isMe ? ' (you)' : ''}`
  const state = document.createElement('span')
  state.className = 'people-state'
  state.textContent = member.state === 'live' ? 'live' : 'held: away, keeps the place'
  item.append(dot, name, state)
  return item
}
