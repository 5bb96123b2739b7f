// Entries and leaves: what package.json exports exists and is in the README; what exists is reached from somewhere.

import { posix } from 'node:path'
import ts from 'typescript'
import type { Found, Project, Rule, Source } from './project.js'
import { candidatesOf, everyNode, importsOf, spellingsOf } from './syntax.js'

export const exported: Rule = {
  name: 'exports',
  holds: 'every entry of package.json `exports` and `bin` has a source file, every entry of `exports` a README line',
  check: (project) => [...withoutSource(project), ...withoutReadme(project)],
}

export const unused: Rule = {
  name: 'unused',
  holds: 'every source file is reached from an entry, a test, a config, a script or a page',
  check: (project) => {
    const reached = reachedFrom(project, rootsOf(project))
    return project.sources
      .filter(({ path }) => !reached.has(path))
      .map(({ path }) => ({
        file: path,
        line: 1,
        found: 'nothing imports it',
        write: 'import it where it is needed, or delete it',
      }))
  },
}

function withoutSource(project: Project): Found[] {
  return builtPathsOf(project)
    .filter((built) => sourceOf(project, built) === undefined)
    .map((built) => {
      const write = `write ${built.replace(/^\.?\/?dist\//, 'src/').replace(/\.js$/, '.ts')}, or take the entry out`
      return { file: 'package.json', line: lineIn(project, built), found: `${built} has no source`, write }
    })
}

function withoutReadme(project: Project): Found[] {
  const entries = Object.keys(project.manifest.exports).filter((entry) => entry !== './package.json')
  const readme = project.documents.get('README.md') ?? ''
  if (entries.length === 0 || !project.sources.some(({ path }) => path.startsWith('src/'))) return []
  return entries
    .map((entry) => posix.join(project.manifest.name, entry))
    .filter((name) => !new RegExp(`[\`'"]${name.replace(/\W/g, '\\$&')}[\`'"]`).test(readme))
    .map((name) => ({
      file: 'README.md',
      line: 1,
      found: `no line names \`${name}\``,
      write: `say what \`${name}\` gives`,
    }))
}

function builtPathsOf(project: Project): string[] {
  const paths = new Set<string>(Object.values(project.manifest.bin))
  const collect = (value: unknown): void => {
    if (typeof value === 'string' && value.endsWith('.js')) paths.add(value)
    if (typeof value === 'object' && value !== null) Object.values(value).forEach(collect)
  }
  collect(project.manifest.exports)
  return [...paths]
}

function sourceOf(project: Project, built: string): string | undefined {
  const path = posix.normalize(built).replace(/^dist\//, 'src/')
  return find(project, spellingsOf(path))
}

function lineIn(project: Project, text: string): number {
  const before = (project.documents.get('package.json') ?? '').split(text)[0] ?? ''
  return before.split('\n').length
}

function rootsOf(project: Project): string[] {
  const paths = project.sources.map(({ path }) => path)
  const standing = paths.filter((path) => /\.test\.tsx?$|(^|\/)[^/]*\.config\.ts$/.test(path))
  const built = builtPathsOf(project).flatMap((path) => sourceOf(project, path) ?? [])
  return [...standing, ...built, ...namedInDocuments(project)]
}

/** Sources that a page loads or a script of a package.json runs. */
function namedInDocuments(project: Project): string[] {
  return [...project.documents].flatMap(([document, text]) => {
    if (!/(\.html|package\.json)$/.test(document)) return []
    const folder = posix.dirname(document)
    return [...text.matchAll(/[\w@./-]+\.(?:js|tsx?|mts)\b/g)].flatMap(
      ([name]) => find(project, spellingsOf(posix.join(folder, name.replace(/^\//, '')))) ?? [],
    )
  })
}

function reachedFrom(project: Project, roots: readonly string[]): ReadonlySet<string> {
  const byPath = new Map(project.sources.map((source) => [source.path, source]))
  const reached = new Set<string>()
  const queue = [...roots]
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const source = byPath.get(path)
    if (source === undefined || reached.has(path)) continue
    reached.add(path)
    queue.push(...referencesOf(project, source))
  }
  return reached
}

function referencesOf(project: Project, source: Source): string[] {
  const imported = importsOf(source).flatMap(({ specifier }) => entryOf(project, specifier) ?? [])
  const mentioned: string[] = []
  everyNode(source, (node) => {
    // Imports, and files that are started rather than imported: `new URL('./worker.js', import.meta.url)`.
    if (!ts.isStringLiteralLike(node) || !/^\.{0,2}\/?[\w@./-]+$/.test(node.text)) return
    const candidates = [...candidatesOf(source.path, node.text), ...rooted(node.text)]
    mentioned.push(...[find(project, candidates) ?? []].flat())
  })
  return [...imported, ...mentioned]
}

/** A path from the repository's root, such as `bench/worker.ts`; words without an ending are no paths. */
function rooted(text: string): string[] {
  return /^[\w-]+\/.*\.(js|tsx?)$/.test(text) ? spellingsOf(text) : []
}

/** The source behind the package's own name: `holdfast/server`. */
function entryOf(project: Project, specifier: string): string[] | undefined {
  const { name, exports } = project.manifest
  if (specifier !== name && !specifier.startsWith(`${name}/`)) return undefined
  const entry = exports[`.${specifier.slice(name.length)}`]
  const built = builtPathsOf({ ...project, manifest: { name, exports: { entry }, bin: {} } })
  return built.flatMap((path) => sourceOf(project, path) ?? [])
}

function find(project: Project, candidates: readonly string[]): string | undefined {
  return candidates.find((path) => project.paths.has(path))
}
