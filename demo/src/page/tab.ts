// What this tab remembers by itself through a reload: its label in the storm, the name, the room. The session's own
// secrets are the library's.

export const rooms = ['lobby', 'kelp', 'storm'] as const

/** Says which connection is this tab's; no secret. */
export const tab = remembered('demo.tab', randomLabel)

export const keptName = {
  read: (): string => remembered('demo.name', () => `guest ${randomLabel().slice(0, 4)}`),
  write: (name: string): void => sessionStorage.setItem('demo.name', name),
}

export const keptRoom = {
  read: (): string => {
    const kept = remembered('demo.room', () => rooms[0])
    return rooms.find((name) => name === kept) ?? rooms[0]
  },
  write: (name: string): void => sessionStorage.setItem('demo.room', name),
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
