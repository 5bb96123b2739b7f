// Walks over the syntax tree that several rules need: nodes, comments, imports, lines. Knows no rule.

import { posix } from 'node:path'
import ts from 'typescript'
import type { Source } from './project.js'

/** The line of a node, starting at 1. */
export function lineOf(source: Source, position: number): number {
  return source.ast.getLineAndCharacterOfPosition(position).line + 1
}

/** Calls `visit` for every node of the file, parents first. */
export function everyNode(source: Source, visit: (node: ts.Node) => void): void {
  const walk = (node: ts.Node): void => {
    visit(node)
    ts.forEachChild(node, walk)
  }
  walk(source.ast)
}

export interface Comment {
  readonly text: string
  readonly line: number
}

/** Every comment once, in order. */
export function commentsOf(source: Source): Comment[] {
  const found = new Map<number, Comment>()
  const collect = (ranges: readonly ts.CommentRange[] | undefined) => {
    for (const { pos, end } of ranges ?? []) {
      found.set(pos, { text: source.text.slice(pos, end), line: lineOf(source, pos) })
    }
  }
  const walk = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.JsxText) return // its text may look like a comment
    if (ts.isToken(node)) {
      collect(ts.getLeadingCommentRanges(source.text, node.getFullStart()))
      collect(ts.getTrailingCommentRanges(source.text, node.getEnd()))
    }
    node.getChildren(source.ast).forEach(walk)
  }
  walk(source.ast)
  return [...found.values()].sort((a, b) => a.line - b.line)
}

export interface Import {
  /** As written: `./log.js`, `node:fs`, `ws`. */
  readonly specifier: string
  readonly line: number
  /** The names taken by `{ … }`, in their original spelling. */
  readonly names: readonly string[]
}

/** Imports and re-exports, static and dynamic, types too. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = []
  const add = (specifier: ts.Node | undefined, names: readonly string[]) => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return
    found.push({ specifier: specifier.text, line: lineOf(source, specifier.getStart(source.ast)), names })
  }
  everyNode(source, (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, namesOf(node))
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, [])
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], [])
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, [])
  })
  return found
}

function namesOf(node: ts.ImportDeclaration): string[] {
  const bindings = node.importClause?.namedBindings
  if (bindings === undefined || !ts.isNamedImports(bindings)) return []
  return bindings.elements.map((element) => (element.propertyName ?? element.name).text)
}

/** The repository path a relative specifier may mean, most likely first; empty for packages. */
export function candidatesOf(from: string, specifier: string): string[] {
  if (!specifier.startsWith('.')) return []
  return spellingsOf(posix.join(posix.dirname(from), specifier))
}

/** The source paths that a built or extensionless path may come from. */
export function spellingsOf(path: string): string[] {
  const stem = path.replace(/\.(js|jsx|ts|tsx|mjs|mts)$/, '')
  return [path, `${stem}.ts`, `${stem}.tsx`, `${stem}.mts`, `${path}/index.ts`, `${path}/index.tsx`]
}

/** `test`, `test.each`, `describe.concurrent` … → the first word of a callee. */
export function rootOf(callee: ts.Expression): string {
  if (ts.isIdentifier(callee)) return callee.text
  if (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) return rootOf(callee.expression)
  if (ts.isTaggedTemplateExpression(callee)) return rootOf(callee.tag)
  return ''
}

const testWords = new Set(['test', 'it', 'describe', 'suite', 'bench'])

/** The call when the node is `test(…)`, `describe(…)` or one of their variants. */
export function testCallOf(node: ts.Node): ts.CallExpression | null {
  return ts.isCallExpression(node) && testWords.has(rootOf(node.expression)) ? node : null
}
