// What is in the data of others, who may have sent anything.

export function textIn(data: unknown, field: string): string | null {
  const value = typeof data === 'object' && data !== null ? (data as { [field: string]: unknown })[field] : null
  return typeof value === 'string' && value.trim() !== '' ? value : null
}

export function nameIn(data: unknown): string | null {
  return textIn(data, 'name')?.slice(0, 24) ?? null
}
