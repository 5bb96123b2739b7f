// The repository as the rules see it: parsed sources, documents and manifests, by path. Reads the disk, judges nothing.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

export interface Source {
  /** Relative to the repository, with `/`. */
  readonly path: string
  readonly text: string
  readonly ast: ts.SourceFile
}

/** An entry of `exports`: `./server` and where its JavaScript is built to, by condition. */
export interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, unknown>>
  readonly bin: Readonly<Record<string, string>>
}

export interface Project {
  readonly sources: readonly Source[]
  /** The paths of the sources. */
  readonly paths: ReadonlySet<string>
  /** Markdown, HTML and manifests of the repository by path. Absent file, absent key. */
  readonly documents: ReadonlyMap<string, string>
  readonly manifest: Manifest
}

/** What a rule found, and what to do about it. Lines start at 1. */
export interface Violation {
  readonly file: string
  readonly line: number
  readonly rule: string
  readonly found: string
  readonly write: string
}

export interface Rule {
  readonly name: string
  /** One line for `--help`: what holds when the rule is kept. */
  readonly holds: string
  readonly check: (project: Project) => readonly Found[]
}

/** A violation before the rule's name is put to it. */
export type Found = Omit<Violation, 'rule'>

const roots = ['src', 'test', 'sim', 'tools', 'bench', 'demo']
const skipped = new Set(['node_modules', 'dist', 'artefacts', 'coverage', 'data'])

/** A project from texts by path; the tests of the rules make theirs in memory with it. */
export function projectOf(texts: ReadonlyMap<string, string>): Project {
  const sources: Source[] = []
  const documents = new Map<string, string>()
  for (const [path, text] of texts) {
    if (isSource(path)) sources.push({ path, text, ast: parse(path, text) })
    else documents.set(path, text)
  }
  return {
    sources,
    paths: new Set(sources.map(({ path }) => path)),
    documents,
    manifest: manifestOf(texts.get('package.json')),
  }
}

/** Reads the repository at `root`: sources below the known folders, configs and documents beside them. */
export function readProject(root: string): Project {
  const texts = new Map<string, string>()
  const keep = (path: string) => {
    if (isSource(path) || /\.(md|html)$|(^|\/)package\.json$/.test(path)) {
      texts.set(path, readFileSync(join(root, path), 'utf8'))
    }
  }
  for (const name of readdirSync(root)) {
    if (statSync(join(root, name)).isFile()) keep(name)
  }
  for (const folder of roots) {
    if (existsSync(join(root, folder))) filesBelow(root, folder).forEach(keep)
  }
  return projectOf(texts)
}

function filesBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name)) return []
    const path = `${folder}/${entry.name}`
    return entry.isDirectory() ? filesBelow(root, path) : [path]
  })
}

function isSource(path: string): boolean {
  return /\.(ts|tsx|mts)$/.test(path) && !path.endsWith('.d.ts')
}

function parse(path: string, text: string): ts.SourceFile {
  const kind = path.endsWith('.tsx') ? ts.ScriptKind.TSX : ts.ScriptKind.TS
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true, kind)
}

function manifestOf(text: string | undefined): Manifest {
  const json = text === undefined ? {} : (JSON.parse(text) as Partial<Manifest>)
  return { name: json.name ?? 'holdfast', exports: json.exports ?? {}, bin: json.bin ?? {} }
}

/** True for tests and for what only tests use. */
export function isTest(path: string): boolean {
  return /\.test\.tsx?$/.test(path) || path.startsWith('test/')
}
