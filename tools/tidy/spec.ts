// Rules of SPEC.md and tests name each other: `**PUB-1**` begins a rule, `test('[PUB-1] …')` checks it.
// Ids of scenarios (S4), attacks (A7) and invariants (I08) may stand in titles and need no rule in SPEC.md.

import ts from 'typescript'
import type { Found, Project, Rule, Source } from './project.js'
import { everyNode, lineOf, testCallOf } from './syntax.js'

const ruleId = /^[A-Z]{2,5}-\d+$/
/** `**PUB-1** …` at the start of a line, an item or a heading; in a table the first cell may do without the stars. */
const ruleStart = /^[\s>|#*-]*\*\*([A-Z]{2,5}-\d+)\*\*|^\|\s*([A-Z]{2,5}-\d+)\s*\|/

interface Mention {
  readonly id: string
  readonly file: string
  readonly line: number
}

export const spec: Rule = {
  name: 'spec',
  holds: 'every SPEC.md id stands in a test title, every id in a test title stands in SPEC.md',
  check: (project) => {
    const text = project.documents.get('SPEC.md')
    if (text === undefined) return missingSpec(project)
    return compare(rulesOf(text), project.sources.flatMap(mentionsOf))
  },
}

function missingSpec(project: Project): Found[] {
  const hasProtocol = project.sources.some(({ path }) => path.startsWith('src/protocol/'))
  const write = 'write each promise as a numbered rule: `**PUB-1** A publish …`'
  return hasProtocol ? [{ file: 'SPEC.md', line: 1, found: 'no SPEC.md', write }] : []
}

function compare(rules: readonly Mention[], titles: readonly Mention[]): Found[] {
  const inSpec = new Set(rules.map(({ id }) => id))
  const inTitles = new Set(titles.map(({ id }) => id))
  const twice = rules.filter(({ id }, index) => rules.findIndex((rule) => rule.id === id) < index)
  return [
    ...twice.map(({ id, ...at }) => ({
      ...at,
      found: `${id} begins two rules`,
      write: 'give one of them the next number',
    })),
    ...rules
      .filter(({ id }) => !inTitles.has(id))
      .map(({ id, ...at }) => ({ ...at, found: `no test names ${id}`, write: `write a test titled '[${id}] …'` })),
    ...titles
      .filter(({ id }, index) => !inSpec.has(id) && titles.findIndex((title) => title.id === id) === index)
      .map(({ id, ...at }) => ({
        ...at,
        found: `${id} is no rule of SPEC.md`,
        write: `add **${id}** there, or mend the id`,
      })),
  ]
}

function rulesOf(text: string): Mention[] {
  return text.split('\n').flatMap((line, index) => {
    const [, starred, plain] = ruleStart.exec(line) ?? []
    const id = starred ?? plain
    return id === undefined ? [] : [{ id, file: 'SPEC.md', line: index + 1 }]
  })
}

/** Ids in brackets of titles; when a title starts with a placeholder (`[${rule}] …`), those of the file's tables too. */
function mentionsOf(source: Source): Mention[] {
  const found: Mention[] = []
  const add = (ids: readonly string[], node: ts.Node) => {
    const line = lineOf(source, node.getStart(source.ast))
    found.push(...ids.filter((id) => ruleId.test(id)).map((id) => ({ id, file: source.path, line })))
  }
  let hasPlaceholder = false
  everyNode(source, (node) => {
    const title = testCallOf(node)?.arguments[0]
    if (title === undefined || !(ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))) return
    const text = title.getText(source.ast)
    hasPlaceholder ||= /^`[^`]*\[[^\]`]*\$\{/.test(text) || /\[[^\]]*(%s|\$\w)/.test(text)
    for (const [, inside = ''] of text.matchAll(/\[([^\][]*)\]/g)) add(idsOf(inside), title)
  })
  if (!hasPlaceholder) return found
  everyNode(source, (node) => {
    if (ts.isStringLiteral(node)) add(idsOf(node.text), node)
  })
  return found
}

function idsOf(text: string): string[] {
  const ids = text.split(/[\s,]+/)
  return ids.every((id) => ruleId.test(id) || /^[SAI]\d+$/.test(id) || id.includes('${')) ? ids : []
}
