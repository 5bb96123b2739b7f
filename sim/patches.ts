// Source patches as data: a bug that is planted, or a probe that counts, is put into the code when the simulator is
// bundled. Nothing in the code itself knows of them. Pure.

export interface Patch {
  /** Relative to the repository. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly find: string
  readonly replace: string
}

/** A part of a text, and what stands there instead. */
export interface Edit {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** `find` is not in the file, or stands there more than once: the code has moved on, and the patch must follow. */
export class StalePatch extends Error {
  override readonly name = 'StalePatch'
}

/** Where `find` stands. Throws StalePatch, naming `owner`. */
export function placeOf(text: string, { file, find }: Omit<Patch, 'replace'>, owner: string): number {
  const at = text.indexOf(find)
  const count = text.split(find).length - 1
  if (at !== -1 && count === 1) return at
  const shown = find.length > 80 ? `${find.slice(0, 80)} …` : find
  throw new StalePatch(`the patch ${owner} is stale: ${file} has ${count} times\n  ${shown}`)
}

export function editOf(text: string, patch: Patch, owner: string): Edit {
  const from = placeOf(text, patch, owner)
  return { from, to: from + patch.find.length, text: patch.replace }
}

/** All of them at once: each is placed by the text as it was. They must not overlap. */
export function edited(text: string, edits: readonly Edit[]): string {
  let result = ''
  let at = 0
  for (const edit of edits.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    if (edit.from < at) throw new Error(`two patches change one place: ${edit.text}`)
    result += text.slice(at, edit.from) + edit.text
    at = edit.to
  }
  return result + text.slice(at)
}
