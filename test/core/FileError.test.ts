import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import * as FileError from "../../src/core/FileError.ts"

const name = Buffer.from("a b")

const sentences: ReadonlyArray<readonly [() => Result.Result<never, FileError.FileError>, string]> = [
  [() => FileError.notFound(name), '"a b" does not exist'],
  [() => FileError.notFound(FileError.NO_NAME), "it does not exist"],
  [() => FileError.alreadyExists(name), '"a b" exists already'],
  [() => FileError.alreadyExists(FileError.NO_NAME), "it exists already"],
  [() => FileError.notAFolder(name), '"a b" is not a folder'],
  [() => FileError.isAFolder(name), '"a b" is a folder'],
  [() => FileError.notAFile(name), '"a b" is not a file'],
  [() => FileError.notASymbolicLink(name), '"a b" is not a symbolic link'],
  [() => FileError.notEmpty(name), 'the folder "a b" is not empty'],
  [() => FileError.notAnEntry(), "the root, `.` and `..` are not removed or renamed"],
  [() => FileError.intoItself(name), 'the folder "a b" would come into itself'],
  [() => FileError.tooManySymbolicLinks(), "the path leads through more than 40 symbolic links"],
  [() => FileError.tooManyLinks(), "the file has as many names as a file can have"],
  [() => FileError.invalidName("a\0", "holds a NUL"), 'the name "a\\u0000" holds a NUL'],
  [() => FileError.nameTooLong(300, 255), "the name has 300 bytes, the longest possible here has 255"],
  [() => FileError.pathTooLong(5000, 4096), "the path has 5000 bytes, the longest possible has 4096"],
  [() => FileError.fileTooLarge(9, 8), "the file would have 9 bytes, the largest possible has 8"],
  [() => FileError.noAttribute(name), 'there is no attribute "a b"'],
  [() => FileError.attributeTooLarge(9, 8), "the attribute has 9 bytes, the longest possible here has 8"]
]

describe("FileError", () => {
  for (const [failure, sentence] of sentences) {
    it(`says that ${sentence}`, () => {
      assert.strictEqual(FileError.describe(Result.getOrThrow(Result.flip(failure()))), sentence)
    })
  }
})
