/** Reading a code from a picture that was chosen, pasted or dropped. */

import type { Problem } from '../ui/problems.ts'

const maxPictureBytes = 40_000_000

const notAPicture: Problem = {
  title: 'That can’t be opened as a picture',
  advice: 'Choose a photo or a screenshot of the code: PNG, JPEG, WebP or GIF.',
}

const noCode: Problem = {
  title: 'There is no code to be read in that picture',
  advice: 'The whole code must be on it, sharp, with its white border. Or paste the link instead.',
}

export const noDecoder: Problem = {
  title: 'The part of this page that reads codes could not be loaded',
  advice: 'Check your connection and try again, or paste the link instead.',
}

/** The text in the code, or why there is none. */
export async function readPictureFile(file: Blob): Promise<string | Problem> {
  const decoder = import('./qr-reader.ts')
  decoder.catch(() => {})
  let picture: ImageBitmap
  try {
    if (file.size > maxPictureBytes) return notAPicture
    picture = await createImageBitmap(file)
  } catch {
    return notAPicture
  }
  try {
    return (await decoder).readPicture(picture) ?? noCode
  } catch {
    return noDecoder
  } finally {
    picture.close()
  }
}

/** The first picture among what was pasted or dropped. */
export const pictureIn = (data: DataTransfer | null): File | undefined =>
  [...(data?.files ?? [])].find(({ type }) => type.startsWith('image/'))
