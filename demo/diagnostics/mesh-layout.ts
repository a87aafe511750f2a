/** Where everybody is in the picture of the mesh, in percent of its width and height; you are in the middle. */

export interface Spot {
  x: number
  y: number
}

/** Beyond, nobody could be told apart. */
export const maxShown = 30

/** So many fit on one ring. */
const maxOnOneRing = 12

const middle = 50
const outerRadius = 40
const innerRadius = 25.5
/** Of what is closer than people: paths, and devices of one's own. */
const nearRadius = { oneRing: 20, twoRings: 13.5 }

/** Half a turn is pi; the gap between the first and the last is at the bottom. */
function ring(count: number, radius: number, turn = 0): Spot[] {
  return Array.from({ length: count }, (_, at) => {
    const angle = Math.PI / 2 + (Math.PI + 2 * Math.PI * at) / count + turn
    return { x: middle + radius * Math.cos(angle), y: middle + radius * Math.sin(angle) }
  })
}

/** How many are on the inner one of two rings. */
const insideOf = (count: number): number => (count <= maxOnOneRing ? 0 : Math.round(count * 0.4))

/** On one ring, or on two, with those that come first further in. */
export function spotsOfPeople(count: number): Spot[] {
  const inside = insideOf(count)
  if (inside === 0) return ring(count, outerRadius)
  const outside = count - inside
  return [...ring(inside, innerRadius), ...ring(outside, outerRadius, Math.PI / outside)]
}

/** In the gaps between people, from the one at the bottom on; where there are fewer gaps, side by side below the middle. */
export function spotsNear(count: number, people: number): Spot[] {
  const gaps = insideOf(people) || people
  const radius = insideOf(people) === 0 ? nearRadius.oneRing : nearRadius.twoRings
  const isInGaps = gaps >= Math.max(count, 3)
  const apart = isInGaps ? (2 * Math.PI) / gaps : Math.min(Math.PI / 3, (2 * Math.PI) / count)
  return Array.from({ length: count }, (_, at) => {
    const place = at - (isInGaps ? Math.floor((count - 1) / 2) : (count - 1) / 2)
    const angle = Math.PI / 2 - place * apart
    return { x: middle + radius * Math.cos(angle), y: middle + radius * Math.sin(angle) }
  })
}
