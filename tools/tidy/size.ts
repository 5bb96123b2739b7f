// How long a file and a function may be. Callbacks of describe and test are no functions in this sense.

import ts from 'typescript'
import type { Found, Rule, Source } from './project.js'
import { isTest } from './project.js'
import { everyNode, lineOf, testCallOf } from './syntax.js'

const linesMax = 400
const testLinesMax = 600
const functionLinesMax = 60

export const fileSize: Rule = {
  name: 'file-size',
  holds: `files have at most ${linesMax} lines, tests ${testLinesMax}`,
  check: (project) => project.sources.flatMap(fileTooLong),
}

export const functionSize: Rule = {
  name: 'function-size',
  holds: `functions have at most ${functionLinesMax} lines, except callbacks of describe and test`,
  check: (project) => project.sources.flatMap(functionsTooLong),
}

function fileTooLong(source: Source): Found[] {
  const lines = source.text.replace(/\n$/, '').split('\n').length
  const max = isTest(source.path) ? testLinesMax : linesMax
  if (lines <= max) return []
  const write = 'split it by idea, each file with its own first line; or make a table of the cases'
  return [{ file: source.path, line: max + 1, found: `${lines} lines, ${max} allowed`, write }]
}

function functionsTooLong(source: Source): Found[] {
  const found: Found[] = []
  everyNode(source, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined || isTestCallback(node)) return
    const line = lineOf(source, node.getStart(source.ast))
    const lines = lineOf(source, node.getEnd()) - line + 1
    if (lines <= functionLinesMax) return
    const write = 'name its steps and make each a function; a growing switch becomes a typed table'
    found.push({
      file: source.path,
      line,
      found: `${nameOf(node)} has ${lines} lines, ${functionLinesMax} allowed`,
      write,
    })
  })
  return found
}

function isTestCallback(node: ts.Node): boolean {
  return testCallOf(withoutParentheses(node.parent)) !== null
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (node.name !== undefined) return node.name.getText()
  const parent = withoutParentheses(node.parent)
  return ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent) ? parent.name.getText() : 'a function'
}

function withoutParentheses(node: ts.Node): ts.Node {
  return ts.isParenthesizedExpression(node) ? withoutParentheses(node.parent) : node
}
