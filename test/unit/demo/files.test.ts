/** Files over a stream, with the other side honest, and not. */

import { HandfastError, type Link, type LinkStream } from 'handfast'
import { describe, expect, it, vi } from 'vitest'
import { cleanFileName, splitFileName } from '../../../demo/conversation/file-name.ts'
import type { FileProblemKind } from '../../../demo/conversation/file-problem.ts'
import { receiveFile, sendFile } from '../../../demo/conversation/files.ts'

const aMegabyte = 1024 * 1024

/** A stream's two ends. */
function streamPair(name = 'file'): [LinkStream, LinkStream] {
  const there = new TransformStream<Uint8Array, Uint8Array>()
  const back = new TransformStream<Uint8Array, Uint8Array>()
  return [
    { name, readable: back.readable, writable: there.writable },
    { name, readable: there.readable, writable: back.writable },
  ]
}

const linkTo = (stream: LinkStream | Error): Link => {
  const openStream = async () => {
    if (stream instanceof Error) throw stream
    return stream
  }
  return { openStream } as unknown as Link
}

function receiver(keep: (content: Blob) => Promise<void> = async () => {}) {
  const stop = new AbortController()
  const kept = vi.fn(keep)
  const failed = vi.fn<(why: FileProblemKind) => void>()
  const moved = vi.fn<(bytes: number) => void>()
  const begin = vi.fn(() => ({ signal: stop.signal, begun() {}, moved, keep: kept, failed }))
  return { stop, kept, failed, moved, begin }
}

const fileOf = (size: number, name = 'a.bin') => new File([new Uint8Array(size).fill(7)], name)
const silent = { begun() {}, moved() {} }

/** As `sendFile` sends it, or not. */
async function say(stream: LinkStream, head: string, body = new Uint8Array(), end = true) {
  const text = new TextEncoder().encode(head)
  const writer = stream.writable.getWriter()
  await writer.write(new Uint8Array([text.length >> 8, text.length & 255, ...text, ...body]))
  if (end) await writer.close()
}

async function answerOf({ readable }: LinkStream): Promise<string> {
  let said = ''
  for await (const chunk of readable as unknown as AsyncIterable<Uint8Array>) {
    said += new TextDecoder().decode(chunk)
  }
  return said
}

describe('a file', () => {
  it.each([0, 1, 3 * aMegabyte + 5])('of %i bytes arrives whole, and is kept', async (size) => {
    const [near, far] = streamPair()
    const { begin, kept, moved } = receiver()
    const receiving = receiveFile({} as Link, far, begin)
    const progress = vi.fn()
    const signal = new AbortController().signal
    await sendFile(linkTo(near), fileOf(size), { begun() {}, moved: progress }, signal)
    await receiving
    expect(begin).toHaveBeenCalledWith({ name: 'a.bin', size })
    const content = kept.mock.calls[0]![0]
    expect(content.size).toBe(size)
    expect(new Uint8Array(await content.arrayBuffer()).every((byte) => byte === 7)).toBe(true)
    expect(moved).toHaveBeenLastCalledWith(size)
    if (size > 0) expect(progress).toHaveBeenLastCalledWith(size)
  })

  it('is cancelled by the one who sends it', async () => {
    const [near, far] = streamPair()
    const { begin, kept, failed } = receiver()
    const receiving = receiveFile({} as Link, far, begin)
    const stop = new AbortController()
    const moved = (bytes: number) => bytes > aMegabyte && stop.abort()
    await expect(
      sendFile(linkTo(near), fileOf(8 * aMegabyte), { begun() {}, moved }, stop.signal),
    ).rejects.toThrow('cancelled here')
    await receiving
    expect(failed).toHaveBeenCalledWith('cancelled there')
    expect(kept).not.toHaveBeenCalled()
  })

  it('is cancelled by the one who gets it', async () => {
    const [near, far] = streamPair()
    const { begin, failed, moved, stop } = receiver()
    moved.mockImplementation((bytes) => bytes > aMegabyte && stop.abort())
    const receiving = receiveFile({} as Link, far, begin)
    await expect(
      sendFile(linkTo(near), fileOf(8 * aMegabyte), silent, new AbortController().signal),
    ).rejects.toThrow('cancelled there')
    await receiving
    expect(failed).toHaveBeenCalledWith('cancelled here')
  })

  it('that can’t be kept is not taken for sent', async () => {
    const [near, far] = streamPair()
    const { begin, failed } = receiver(() => Promise.reject(new Error('full')))
    const receiving = receiveFile({} as Link, far, begin)
    await expect(
      sendFile(linkTo(near), fileOf(5), silent, new AbortController().signal),
    ).rejects.toThrow('not kept')
    await receiving
    expect(failed).toHaveBeenCalledWith('not kept')
  })

  it('says why it did not go', async () => {
    const { signal } = new AbortController()
    const tries: [Error, FileProblemKind][] = [
      [new HandfastError('timeout'), 'away'],
      [new HandfastError('forbidden'), 'forbidden'],
      [new HandfastError('interrupted'), 'lost'],
    ]
    for (const [error, kind] of tries) {
      await expect(sendFile(linkTo(error), fileOf(1), silent, signal)).rejects.toThrow(kind)
    }
    const huge = { name: 'huge', size: 65 * aMegabyte } as File
    await expect(sendFile(linkTo(new Error('never')), huge, silent, signal)).rejects.toThrow(
      'too large',
    )
    const [near, far] = streamPair()
    void far.writable.abort(new HandfastError('forbidden')).catch(() => {})
    await expect(sendFile(linkTo(near), fileOf(1), silent, signal)).rejects.toThrow('forbidden')
  })
})

describe('what is no file', () => {
  it.each([
    ['another stream', 'backup', '{"name":"a","size":1}'],
    ['no JSON', 'file', '{'],
    ['no name', 'file', '{"size":1}'],
    ['a size below nothing', 'file', '{"name":"a","size":-1}'],
    ['a size that is none', 'file', '{"name":"a","size":"1"}'],
    ['nothing at all', 'file', 'null'],
    ['a head too long', 'file', `{"name":"${'a'.repeat(3000)}","size":1}`],
  ])('is turned away: %s', async (_, name, head) => {
    const [near, far] = streamPair(name)
    const { begin } = receiver()
    const saying = say(near, head).catch(() => {})
    await receiveFile({} as Link, far, begin)
    await saying
    expect(begin).not.toHaveBeenCalled()
    await expect(answerOf(near)).rejects.toBeUndefined()
  })

  it('is turned away, too, where it ends within its head', async () => {
    const [near, far] = streamPair()
    const { begin } = receiver()
    const receiving = receiveFile({} as Link, far, begin)
    const writer = near.writable.getWriter()
    await writer.write(new Uint8Array([0, 20, 123]))
    await writer.close()
    await receiving
    expect(begin).not.toHaveBeenCalled()
  })

  it('is not kept when it is longer than it said, and both ways end', async () => {
    const [near, far] = streamPair()
    const { begin, failed, kept } = receiver()
    const receiving = receiveFile({} as Link, far, begin)
    const saying = say(near, '{"name":"a","size":1}', new Uint8Array(2), false).catch(() => {})
    await receiving
    await saying
    expect(failed).toHaveBeenCalledWith('lost')
    expect(kept).not.toHaveBeenCalled()
    await expect(answerOf(near)).rejects.toBeUndefined()
  })

  it('is refused when it says that it is too large', async () => {
    const [near, far] = streamPair()
    const { begin } = receiver()
    const receiving = receiveFile({} as Link, far, begin)
    const answer = answerOf(near)
    await say(near, `{"name":"a","size":${65 * aMegabyte}}`)
    expect(await answer).toBe('too large')
    await receiving
    expect(begin).not.toHaveBeenCalled()
  })

  it('is refused when four of the same person are under way', async () => {
    const link = {} as Link
    const held = Array.from({ length: 4 }, () => streamPair())
    for (const [, far] of held) void receiveFile(link, far, receiver().begin)
    const [near, far] = streamPair()
    const receiving = receiveFile(link, far, receiver().begin)
    expect(await answerOf(near)).toBe('too many')
    await near.writable.close()
    await receiving
  })
})

it('names lose their middle, never their end', () => {
  const long = `${'long '.repeat(40)}name.tar.gz`
  expect([...cleanFileName(long)]).toHaveLength(80)
  expect(cleanFileName(long)).toMatch(/^long long .+….*name\.tar\.gz$/)
  expect(splitFileName('short.txt')).toEqual(['short.txt', ''])
  expect(splitFileName('a rather long name.jpeg')).toEqual(['a rather long name.jpeg', ''])
  expect(splitFileName('a rather long name of a file.jpeg')).toEqual([
    'a rather long name of',
    ' a file.jpeg',
  ])
})
