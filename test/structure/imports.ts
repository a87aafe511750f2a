/** Reads what a TypeScript source imports and which names it uses, from its syntax tree. */

import { dirname, join, normalize } from 'node:path/posix'
import { parseSync } from 'vite'

/** Repository path → source text. */
export type Sources = ReadonlyMap<string, string>

export interface SourceFacts {
  /** Module specifiers of every import, re-export, dynamic import and import type. */
  imports: string[]
  /** Names used (`setTimeout`), and dotted where they are members of a name (`Date.now`, `new Date()`). */
  names: Set<string>
}

interface Node {
  type: string
  [key: string]: unknown
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value

const nameOf = (value: unknown): string =>
  isNode(value) && value.type === 'Identifier' ? String(value['name']) : ''

export function factsOf(path: string, source: string): SourceFacts {
  const { program, errors } = parseSync(path, source)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]!.message}`)
  const facts: SourceFacts = { imports: [], names: new Set() }
  visit(program, facts)
  return facts
}

function visit(value: unknown, facts: SourceFacts): void {
  if (Array.isArray(value)) for (const item of value) visit(item, facts)
  if (!isNode(value)) return
  const node = value
  if (isNode(node['source']) && typeof node['source']['value'] === 'string') {
    facts.imports.push(node['source']['value'])
  }
  if (node.type === 'Identifier') facts.names.add(nameOf(node))
  if (node.type === 'MemberExpression') {
    facts.names.add(`${nameOf(node['object'])}.${nameOf(node['property'])}`)
  }
  if (node.type === 'NewExpression' && (node['arguments'] as unknown[]).length === 0) {
    facts.names.add(`new ${nameOf(node['callee'])}()`)
  }
  for (const child of Object.values(node)) visit(child, facts)
}

/** The repository path that a relative specifier means, or undefined for a package. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('/')) return specifier.slice(1)
  return specifier.startsWith('.') ? normalize(join(dirname(from), specifier)) : undefined
}
