/** The picture of the mesh with as many people as `?people=` says, none of them real. */

import type { PeerId } from 'handfast'
import { render } from 'preact'
import { MeshPicture, type PictureOfPerson } from '../../../demo/diagnostics/mesh-picture.tsx'

const count = Number(new URLSearchParams(location.search).get('people'))
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const peerOf = (at: number) =>
  Array.from({ length: 43 }, (_, letter) => alphabet[(at * 37 + letter * 11 + 5) % 64]).join(
    '',
  ) as PeerId

const people = Array.from({ length: count }, (_, at): PictureOfPerson => {
  const cord = (['tied', 'tied', 'loose', 'moving'] as const)[at % 4]!
  return {
    peer: peerOf(at + 1),
    called: `Person ${at + 1}`,
    cord,
    isVerified: at % 3 === 0,
    waiting: cord === 'loose' ? at : 0,
    label: cord === 'tied' ? `${at + 1} ms` : undefined,
    words: cord,
  }
})

render(
  <MeshPicture
    own={peerOf(0)}
    people={people}
    ways={[
      { key: 'relay', icon: 'relay', word: 'Relay', cord: 'tied' },
      { key: 'tabs', icon: 'tabs', word: 'Tabs', cord: 'tied' },
      { key: 'device', icon: 'device', word: 'Device 2', cord: 'loose' },
    ]}
    select={(peer) => {
      document.querySelector('output')!.textContent =
        people.find((person) => person.peer === peer)?.called ?? ''
    }}
    meet={() => {}}
  />,
  document.querySelector('#picture')!,
)
