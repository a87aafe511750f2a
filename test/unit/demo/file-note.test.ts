import { expect, test } from 'vitest'
import { asMessage, isFileNote } from '../../../demo/conversation/file-note.ts'

test('a message that looks like a file is none: its name was not cleaned, and nothing of it is what a file has', () => {
  for (const value of [
    { file: 1 },
    { file: null },
    { file: { name: 'x\u202egpj.exe', size: 1, content: Uint8Array.of(60), image: 'text/html' } },
    { file: { name: { length: 1 } }, more: 1 },
  ]) {
    const kept = asMessage(value)
    expect(kept).toBeTypeOf('string')
    expect(isFileNote(kept)).toBe(false)
  }
})

test('any other message is kept as it is', () => {
  for (const value of ['hello', 5n, null, ['file'], { pay: 5n }, undefined]) {
    expect(asMessage(value)).toBe(value)
  }
})
