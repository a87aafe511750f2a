/** Invitations among other words: found when they are whole, told apart when they are not. */

import { describe, expect, it } from 'vitest'
import { findTicket } from '../../../demo/meet/find-ticket.ts'
import { Ticket } from '../../../lib/ticket/ticket.ts'
import { issueTicket, openIdentity } from '../attack/adversary.ts'
import { quickest } from '../../support/fastest.ts'

const { ticket } = await issueTicket(await openIdentity(), { relays: ['wss://relay.example/'] })
const text = ticket.toString()
const link = ticket.toURL('https://wallet.example/demo/?relay=wss://other.example')

const wrapped = (width: number, between: string) =>
  text.match(new RegExp(`.{1,${width}}`, 'g'))!.join(between)

it('gives up soon on a text that begins many and ends none', () => {
  const find = () => expect(findTicket('hft1a '.repeat(16_000))).toBe('damaged')
  expect(quickest(3000, find)).toBeLessThan(3000)
})

describe('an invitation is found', () => {
  it.each([
    ['alone', text],
    ['in capitals', ticket.toQRText()],
    ['in a link', link],
    ['in a link of a code', link.toUpperCase()],
    ['with words around it', `Hi Ben,\nopen this: ${link} see you tomorrow\nAnna`],
    ['with words that could be its letters', `${text} see you later`],
    ['in brackets', `<${link}>, (${link}).`],
    ['broken into lines', wrapped(72, '\r\n')],
    ['quoted by a mail program', `> ${wrapped(60, '\n> ')}\nsee you`],
    ['with soft breaks', `https://wallet.example/#${wrapped(70, '=\r\n')}`],
    ['with characters that are not seen', wrapped(100, '\u200b')],
    ['after a broken one', `${text.slice(0, 100)}! ${text}`],
  ])('%s', (_, given) => {
    const found = findTicket(given)
    expect(found).toBeInstanceOf(Ticket)
    expect(String(found)).toBe(text)
  })
})

describe('what is none', () => {
  it.each([
    ['damaged', text.slice(0, -1)],
    ['damaged', text.slice(0, 5)],
    ['damaged', `${text.slice(0, 200)}${text[200] === 'a' ? 'b' : 'a'}${text.slice(201)}`],
    ['damaged', `${text.slice(0, 200)}0${text.slice(201)}`],
    ['address', `hfa1${text.slice(4)}`],
    ['card', `hfc1${text.slice(4)}`],
    ['backup', '-----BEGIN AGE ENCRYPTED FILE-----\nYWdl'],
    ['words', Array(24).fill('abandon').join('\n')],
    ['link', 'https://wallet.example/demo/'],
    ['none', ''],
    ['none', 'shaft1abcdefgh'],
    ['none', 'lunch on Friday?'],
  ])('is told apart: %s', (kind, given) => {
    expect(findTicket(given)).toBe(kind)
  })

  it('takes no time, however much there is of it', () => {
    const find = () => {
      expect(findTicket('hft1 '.repeat(50_000))).toBe('damaged')
      expect(findTicket(`hft1${'a'.repeat(200_000)}`)).toBe('damaged')
      expect(findTicket(`hft1${'abcd '.repeat(40_000)}`)).toBe('damaged')
      expect(findTicket('a '.repeat(60_000))).toBe('none')
    }
    expect(quickest(2000, find)).toBeLessThan(2000)
  })
})
