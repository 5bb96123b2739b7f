// The house rules in the order they are reported, and the one way to run them.

import { arrows } from './arrows.js'
import { chance } from './chance.js'
import { exported, unused } from './entries.js'
import type { Project, Rule, Violation } from './project.js'
import { fileSize, functionSize } from './size.js'
import { spec } from './spec.js'
import { wire } from './wire.js'
import { words } from './words.js'

export const rules: readonly Rule[] = [arrows, fileSize, functionSize, chance, words, spec, wire, exported, unused]

/** Every violation of the given rules; empty when the project is tidy. */
export function violationsOf(project: Project, asked: readonly Rule[] = rules): Violation[] {
  return asked.flatMap((rule) => rule.check(project).map((found) => ({ ...found, rule: rule.name })))
}

/** One violation as two lines: where and what, then what to write instead. */
export function toText({ file, line, rule, found, write }: Violation): string {
  return `${file}:${line}  ${rule}  ${found}\n    write: ${write}`
}
