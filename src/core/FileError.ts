/**
 * What a caller of a file operation has to expect: values, never thrown.
 *
 * - An operation checks all that can fail before it changes anything, so a failure leaves nothing behind.
 * - Each carries what a message needs and no more; whoever parsed a path adds the path.
 */
import * as Result from "effect/Result"

/** Names as the bytes that were asked for. */
export type FileError =
  /** Nothing has this name; or the inode, or the folder it should come into, was removed. */
  | { readonly _tag: "NotFound"; readonly name: Uint8Array }
  | { readonly _tag: "AlreadyExists"; readonly name: Uint8Array }
  | { readonly _tag: "NotAFolder"; readonly name: Uint8Array }
  | { readonly _tag: "IsAFolder"; readonly name: Uint8Array }
  /** Content is asked of a symbolic link itself. */
  | { readonly _tag: "NotAFile"; readonly name: Uint8Array }
  | { readonly _tag: "NotASymbolicLink"; readonly name: Uint8Array }
  | { readonly _tag: "NotEmpty"; readonly name: Uint8Array }
  /** The path ends in the root, `.` or `..`: there is no entry that could be removed or renamed. */
  | { readonly _tag: "NotAnEntry" }
  /** A folder would come into its own subtree. */
  | { readonly _tag: "IntoItself"; readonly name: Uint8Array }
  /** A path leads through more symbolic links than {@link SYMBOLIC_LINKS_MAX}. */
  | { readonly _tag: "TooManySymbolicLinks" }
  /** An inode has as many names as it can. */
  | { readonly _tag: "TooManyLinks" }
  | { readonly _tag: "InvalidName"; readonly name: string; readonly reason: string }
  | { readonly _tag: "NameTooLong"; readonly byteCount: number; readonly byteCountMax: number }
  | { readonly _tag: "PathTooLong"; readonly byteCount: number; readonly byteCountMax: number }
  | { readonly _tag: "FileTooLarge"; readonly byteCount: number; readonly byteCountMax: number }
  | { readonly _tag: "NoAttribute"; readonly name: Uint8Array }
  | { readonly _tag: "AttributeTooLarge"; readonly byteCount: number; readonly byteCountMax: number }

export type FileResult<A> = Result.Result<A, FileError>

/** The most symbolic links that one path may lead through. */
export const SYMBOLIC_LINKS_MAX = 40

/** Where an inode is asked for by its number, no name is known. */
export const NO_NAME: Uint8Array = new Uint8Array(0)

export const notFound = (name: Uint8Array) => Result.fail<FileError>({ _tag: "NotFound", name })
export const alreadyExists = (name: Uint8Array) => Result.fail<FileError>({ _tag: "AlreadyExists", name })
export const notAFolder = (name: Uint8Array) => Result.fail<FileError>({ _tag: "NotAFolder", name })
export const isAFolder = (name: Uint8Array) => Result.fail<FileError>({ _tag: "IsAFolder", name })
export const notAFile = (name: Uint8Array) => Result.fail<FileError>({ _tag: "NotAFile", name })
export const notASymbolicLink = (name: Uint8Array) => Result.fail<FileError>({ _tag: "NotASymbolicLink", name })
export const notEmpty = (name: Uint8Array) => Result.fail<FileError>({ _tag: "NotEmpty", name })
export const notAnEntry = () => Result.fail<FileError>({ _tag: "NotAnEntry" })
export const intoItself = (name: Uint8Array) => Result.fail<FileError>({ _tag: "IntoItself", name })
export const tooManySymbolicLinks = () => Result.fail<FileError>({ _tag: "TooManySymbolicLinks" })
export const tooManyLinks = () => Result.fail<FileError>({ _tag: "TooManyLinks" })
export const invalidName = (name: string, reason: string) =>
  Result.fail<FileError>({ _tag: "InvalidName", name, reason })
export const nameTooLong = (byteCount: number, byteCountMax: number) =>
  Result.fail<FileError>({ _tag: "NameTooLong", byteCount, byteCountMax })
export const pathTooLong = (byteCount: number, byteCountMax: number) =>
  Result.fail<FileError>({ _tag: "PathTooLong", byteCount, byteCountMax })
export const fileTooLarge = (byteCount: number, byteCountMax: number) =>
  Result.fail<FileError>({ _tag: "FileTooLarge", byteCount, byteCountMax })
export const noAttribute = (name: Uint8Array) => Result.fail<FileError>({ _tag: "NoAttribute", name })
export const attributeTooLarge = (byteCount: number, byteCountMax: number) =>
  Result.fail<FileError>({ _tag: "AttributeTooLarge", byteCount, byteCountMax })

const decoder = new TextDecoder()

/** What happened, as a sentence without its full stop. */
export const describe = (error: FileError): string => {
  switch (error._tag) {
    case "NotFound":
      return error.name.length === 0 ? "it does not exist" : `${quoted(error.name)} does not exist`
    case "AlreadyExists":
      return `${quoted(error.name)} exists already`
    case "NotAFolder":
      return `${quoted(error.name)} is not a folder`
    case "IsAFolder":
      return `${quoted(error.name)} is a folder`
    case "NotAFile":
      return `${quoted(error.name)} is not a file`
    case "NotASymbolicLink":
      return `${quoted(error.name)} is not a symbolic link`
    case "NotEmpty":
      return `the folder ${quoted(error.name)} is not empty`
    case "NotAnEntry":
      return "the root, `.` and `..` are not removed or renamed"
    case "IntoItself":
      return `the folder ${quoted(error.name)} would come into itself`
    case "TooManySymbolicLinks":
      return `the path leads through more than ${SYMBOLIC_LINKS_MAX} symbolic links`
    case "TooManyLinks":
      return "the file has as many names as a file can have"
    case "InvalidName":
      return `the name ${JSON.stringify(error.name)} ${error.reason}`
    case "NameTooLong":
      return `the name has ${error.byteCount} bytes, the longest possible here has ${error.byteCountMax}`
    case "PathTooLong":
      return `the path has ${error.byteCount} bytes, the longest possible has ${error.byteCountMax}`
    case "FileTooLarge":
      return `the file would have ${error.byteCount} bytes, the largest possible has ${error.byteCountMax}`
    case "NoAttribute":
      return `there is no attribute ${quoted(error.name)}`
    case "AttributeTooLarge":
      return `the attribute has ${error.byteCount} bytes, the longest possible here has ${error.byteCountMax}`
  }
}

const quoted = (name: Uint8Array): string => (name.length === 0 ? "it" : JSON.stringify(decoder.decode(name)))
