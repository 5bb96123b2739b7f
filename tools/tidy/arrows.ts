// The import table: which folder of src may import which, and which stay free of node:* and of packages.

import type { Found, Project, Rule, Source } from './project.js'
import { isTest } from './project.js'
import { candidatesOf, type Import, importsOf } from './syntax.js'

interface Arrow {
  /** Folders of src that this one may import, itself always included. */
  readonly to: readonly string[]
  /** Files of this folder that may import node:* and packages. */
  readonly outside: RegExp
}

const nowhere = /^$/
const anywhere = /./

const table: Readonly<Record<string, Arrow>> = {
  protocol: { to: [], outside: nowhere },
  store: { to: ['protocol'], outside: /^src\/store\/(lmdb|redis)/ },
  engine: { to: ['store', 'protocol'], outside: nowhere },
  server: { to: ['engine', 'store', 'protocol'], outside: anywhere },
  client: { to: ['protocol'], outside: /^src\/client\/node[^/]*\.ts$/ },
  react: { to: ['client', 'protocol'], outside: anywhere },
  'socket.io': { to: ['server', 'client', 'protocol'], outside: anywhere },
  testing: { to: ['protocol', 'store', 'engine', 'server', 'client'], outside: anywhere },
}

/** All that the engine may know of a store: the contract and the pure rules, never a driver. */
const contract = /^src\/store\/(store|log|lease)\.ts$/

export const arrows: Rule = {
  name: 'arrows',
  holds: 'src folders import each other only along the import table; node:* only where it is allowed',
  check: (project) =>
    project.sources
      .filter(({ path }) => path.startsWith('src/') && !isTest(path))
      .flatMap((source) => importsOf(source).flatMap((asked) => judge(project, source, asked))),
}

function judge(project: Project, source: Source, asked: Import): Found[] {
  const folder = folderOf(source.path)
  const arrow = table[folder]
  const at = { file: source.path, line: asked.line }
  if (arrow === undefined) {
    return [{ ...at, found: `src/${folder} is not in the import table`, write: `move it to ${known()}, or add a row` }]
  }
  if (!asked.specifier.startsWith('.')) return arrow.outside.test(source.path) ? [] : [outsideOf(at, folder, asked)]

  const target = targetOf(project, source.path, asked.specifier)
  if (!target.startsWith('src/')) {
    return [{ ...at, found: `'${asked.specifier}' leads out of src`, write: 'keep what src needs inside src' }]
  }
  const to = folderOf(target)
  if (to !== folder && !arrow.to.includes(to)) {
    const allowed = [folder, ...arrow.to].join(', ')
    return [
      { ...at, found: `${folder} imports ${to}`, write: `import only from ${allowed}; pass the rest as an argument` },
    ]
  }
  if (folder === 'engine' && to === 'store' && !contract.test(target)) {
    const write = 'import the contract (store.ts, log.ts, lease.ts); take the store as an argument'
    return [{ ...at, found: `the engine imports the driver ${target}`, write }]
  }
  return []
}

function outsideOf(at: { file: string; line: number }, folder: string, asked: Import): Found {
  const write =
    folder === 'client'
      ? 'move it to src/client/node*.ts, which browsers never load'
      : `take what it does as an argument; ${folder} runs anywhere, also in the simulator`
  return { ...at, found: `${folder} imports '${asked.specifier}'`, write }
}

function targetOf(project: Project, from: string, specifier: string): string {
  const candidates = candidatesOf(from, specifier)
  return (
    candidates.find((path) => project.paths.has(path)) ?? candidates.find((path) => path.endsWith('.ts')) ?? specifier
  )
}

function folderOf(path: string): string {
  return path.split('/')[1] ?? ''
}

function known(): string {
  return Object.keys(table)
    .map((folder) => `src/${folder}`)
    .join(', ')
}
