// A round face made of a name: its first letters on a colour of its own.

import type { CSSProperties } from 'react'

export interface AvatarProps {
  readonly name: string
  readonly isSmall?: boolean
  readonly state?: 'live' | 'held'
}

export function Avatar({ name, isSmall = false, state = 'live' }: AvatarProps) {
  const style = { '--hue': hueOf(name) } as CSSProperties
  return (
    <span className={isSmall ? 'avatar small' : 'avatar'} data-state={state} style={style} aria-hidden="true">
      {initialsOf(name)}
    </span>
  )
}

function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/).slice(0, 2)
  return words.map((word) => [...word][0]?.toUpperCase() ?? '').join('') || '?'
}

function hueOf(name: string): number {
  return [...name].reduce((hue, letter) => (hue * 31 + (letter.codePointAt(0) ?? 0)) % 360, 7)
}
