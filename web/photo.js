// A photo is made small on the device before anything leaves it: upright, at most SIDE px, no metadata.

const SIDE = 1024;
const QUALITY = 0.86;

export class NotAPicture extends Error {}

async function decode(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    throw new NotAPicture();
  }
}

const toBlob = (canvas) => new Promise((done, fail) => canvas.toBlob((b) => (b ? done(b) : fail(new NotAPicture())), 'image/jpeg', QUALITY));

/** Draws the file onto `canvas` at the size that will be sent, and returns what to send. */
export async function prepare(file, canvas) {
  const bitmap = await decode(file);
  const k = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.max(1, Math.round(bitmap.width * k));
  canvas.height = Math.max(1, Math.round(bitmap.height * k));
  const pen = canvas.getContext('2d');
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return toBlob(canvas);
}
