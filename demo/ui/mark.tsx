/** Two hands with their fingers interlaced: the sign of the place. */

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 48 32" width="48" height="32" aria-hidden="true">
      <path class="mark-left" d="M32 3.5H8a4 4 0 0 0-4 4v12a4 4 0 0 0 4 4h24M4 13.5h28" />
      <path class="mark-right" d="M16 28.5h24a4 4 0 0 0 4-4v-12a4 4 0 0 0-4-4H16M44 18.5H16" />
    </svg>
  )
}
