// Pieces of Markdown.

export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`
  return [line(heads), `|${heads.map(() => '---|').join('')}\n`, ...rows.map(line)].join('')
}

export function grouped(value: number): string {
  return value.toLocaleString('en').replaceAll(',', ' ')
}
