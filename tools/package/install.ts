// From source to an installed package: build, pack, look at what is in it, install it as a stranger would.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { command, type Finding, tool, verdictOf, type Workplace } from './workplace.js'

export async function buildPackage({ repository }: Workplace): Promise<Finding> {
  // What a deleted source left behind must not be published.
  rmSync(join(repository, 'dist'), { recursive: true, force: true })
  return verdictOf(await tool('typescript/bin/tsc', ['-p', 'tsconfig.build.json'], repository), 'src → dist')
}

export async function pack({ repository, folder, tarball }: Workplace): Promise<Finding> {
  const ran = await command('npm', ['pack', '--silent', '--pack-destination', folder], repository)
  const made = readdirSync(folder).find((name) => name.endsWith('.tgz'))
  if (ran.kind === 'failed' || made === undefined) return { kind: 'failed', problems: [ran.output] }
  renameSync(join(folder, made), tarball)
  const size = readFileSync(tarball).byteLength
  return { kind: 'passed', note: `${(size / 1000).toFixed(0)} kB` }
}

export async function install({ consumer, tarball }: Workplace): Promise<Finding> {
  mkdirSync(consumer)
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
  return verdictOf(await command('npm', ['install', ...options, tarball], consumer), 'with its dependencies only')
}

/** Only what is meant to be published is there, and all of it. */
export async function contents({ consumer }: Workplace): Promise<Finding> {
  const root = join(consumer, 'node_modules', 'holdfast')
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
  const stray = files.filter((file) => /\.test\.|\.tsbuildinfo$|(^|\/)\.|^(src|test|tools|demo|bench|sim)\//.test(file))
  const needed = ['README.md', 'LICENSE', ...pathsIn(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))]
  const missing = needed.filter((file) => !existsSync(join(root, file)))
  const problems = [
    ...stray.map((file) => `${file} is in the package; keep it out by "files" in package.json or tsconfig.build.json`),
    ...missing.map((file) => `${file} is not in the package; write it, or mend "exports", "bin" or "files"`),
  ]
  return problems.length === 0 ? { kind: 'passed', note: `${files.length} files` } : { kind: 'failed', problems }
}

function pathsIn(manifest: { exports?: unknown; bin?: unknown }): string[] {
  const paths = new Set<string>()
  const collect = (value: unknown): void => {
    if (typeof value === 'string') paths.add(value.replace(/^\.\//, ''))
    if (typeof value === 'object' && value !== null) Object.values(value).forEach(collect)
  }
  collect(manifest.exports)
  collect(manifest.bin)
  return [...paths]
}
