/** Places in the picture of the mesh: on a phone, too, nobody covers anybody. */

import { expect, it } from 'vitest'
import { maxShown, spotsNear, spotsOfPeople } from '../../../demo/diagnostics/mesh-layout.ts'

/** Pixels of the picture on a phone. */
const phone = { width: 334, height: 400 }
const targetPx = 40

const inPixels = ({ x, y }: { x: number; y: number }) => ({
  x: (x / 100) * phone.width,
  y: (y / 100) * phone.height,
})

it.each(Array.from({ length: maxShown }, (_, at) => at + 1))('%i people', (count) => {
  const people = spotsOfPeople(count).map(inPixels)
  const near = spotsNear(3, count).map(inPixels)
  expect(people).toHaveLength(count)
  const all = [{ x: phone.width / 2, y: phone.height / 2 }, ...people]
  for (const [at, a] of all.entries()) {
    for (const b of all.slice(at + 1)) {
      expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeGreaterThan(targetPx)
    }
    expect(a.x).toBeGreaterThan(targetPx / 2)
    expect(a.x).toBeLessThan(phone.width - targetPx / 2)
  }
  for (const a of near) {
    for (const b of people) expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeGreaterThan(30)
  }
})
