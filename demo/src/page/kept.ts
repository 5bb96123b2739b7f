// What this tab remembers by itself through a reload: the labels in the storm, names, rooms, how many people. The
// sessions' own secrets are the library's.

export const rooms = ['kelp', 'tide', 'storm'] as const
export type RoomName = (typeof rooms)[number]

export const people = ['ann', 'ben'] as const
export type PersonId = (typeof people)[number]

const defaultNames: { readonly [person in PersonId]: string } = { ann: 'Ann', ben: 'Ben' }

/** Says which connections are this person's, to the proxy; no secret. */
export function tabOf(person: PersonId): string {
  return remembered(`demo.tab.${person}`, randomLabel)
}

export const keptName = {
  read: (person: PersonId): string => remembered(`demo.name.${person}`, () => defaultNames[person]),
  write: (person: PersonId, name: string): void => sessionStorage.setItem(`demo.name.${person}`, name),
}

export const keptRoom = {
  read(person: PersonId): RoomName {
    const kept = remembered(`demo.room.${person}`, () => rooms[0])
    return rooms.find((name) => name === kept) ?? rooms[0]
  },
  write: (person: PersonId, name: RoomName): void => sessionStorage.setItem(`demo.room.${person}`, name),
}

/** Two people beside each other? */
export const keptBeside = {
  read: (): boolean => sessionStorage.getItem('demo.beside') === 'true',
  write: (isBeside: boolean): void => sessionStorage.setItem('demo.beside', String(isBeside)),
}

function remembered(key: string, make: () => string): string {
  const kept = sessionStorage.getItem(key)
  if (kept !== null) return kept
  const made = make()
  sessionStorage.setItem(key, made)
  return made
}

function randomLabel(): string {
  return [...crypto.getRandomValues(new Uint8Array(6))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
