/**
 * What a difference of two states tells, case by case; `test/shell/Difference.test.ts` compares it with all that both have.
 */
import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import * as Attributes from "../../src/core/Attributes.ts"
import * as Content from "../../src/core/Content.ts"
import * as Difference from "../../src/core/Difference.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Inodes from "../../src/core/Inodes.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import * as Parents from "../../src/core/Parents.ts"
import * as Tables from "../../src/core/Tables.ts"
import type { Tree } from "../../src/core/Tree.ts"
import { TestFiles } from "./TestFiles.ts"

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

interface Point {
  readonly names: Tree
  readonly generation: number
}

/** A volume of which the newest two states are there to be compared. */
class States extends TestFiles {
  constructor(pageBytes = 512) {
    super({ pageBytes, pageCount: 8192, unkindness: { forget: 0.2, abandon: 0.2 } })
  }

  commit(): Point {
    assert.strictEqual(this.volume.commit(), "Plan")
    const { generation, roots } = this.volume.head.root.record
    return { names: roots.names, generation }
  }

  difference(before: Point, after: Point): ReadonlyArray<Difference.Change> {
    const { volume } = this
    const since = Math.min(before.generation, after.generation)
    let state = volume.read((pages) => Difference.begin(pages, before.names, after.names, since))
    const found: Array<Difference.Change> = []
    while (!Difference.isDone(state)) {
      const now = state
      const next = volume.read((pages) => Difference.step(pages, now))
      found.push(...next.changes)
      state = next.state
    }
    return found
  }

  /** What these steps come to, and what taking them back would. */
  after(change: (states: this) => void): {
    readonly there: ReadonlyArray<Difference.Change>
    readonly back: ReadonlyArray<Difference.Change>
  } {
    const before = this.commit()
    change(this)
    const after = this.commit()
    return { there: this.difference(before, after), back: this.difference(after, before) }
  }

  make(path: string, content: Uint8Array | string = ""): number {
    return Result.getOrThrow(this.file(path, typeof content === "string" ? utf8(content) : content))
  }

  change(number: number, changes: Attributes.Changes): void {
    Result.getOrThrow(this.volume.run((draft) => Attributes.change(draft, number, changes, this.time++)))
  }

  setAttribute(number: number, name: string, value: string): void {
    const made = this.volume.run((draft) =>
      Attributes.set(draft, number, utf8(name), utf8(value), "Either", this.time++)
    )
    Result.getOrThrow(made)
  }

  put(table: string, key: string, value: string): void {
    while (!this.volume.run((draft) => Tables.put(draft, utf8(table), utf8(key), utf8(value)))) assert.isTrue(true)
  }
}

/** In few words; `*` stands for other attributes. */
const short = (change: Difference.Change): string => {
  switch (change._tag) {
    case "Added":
      return `+ ${change.path} (${change.type})`
    case "Removed":
      return `- ${change.path} (${change.type})`
    case "Renamed":
      return `${change.from} > ${change.path} (${change.type})`
    case "Changed": {
      const ranges = change.ranges.map(({ count, offset }) => `${offset}+${count}`).join(" ")
      const star = change.hasOtherAttributes ? "*" : ""
      return `~ ${change.path} (${change.type}) ${change.sizeBefore} ${change.size} [${ranges}]${star}`
    }
    case "TableAdded":
      return `+ <${change.table}>`
    case "TableRemoved":
      return `- <${change.table}>`
    case "EntrySet":
      return `${change.isNew ? "+" : "~"} <${change.table}> ${text(change.key)}`
    case "EntryRemoved":
      return `- <${change.table}> ${text(change.key)}`
  }
}

const sorted = (changes: ReadonlyArray<Difference.Change>): ReadonlyArray<string> => changes.map(short).toSorted()

const { FILE, FOLDER, SYMBOLIC_LINK } = Inode
const RWX = 0o700

describe("Difference", () => {
  it("tells entries that were added and removed", () => {
    const states = new States()
    states.folder("/d")
    states.make("/d/old", "old")
    const { back, there } = states.after(() => {
      states.unlink("/d/old")
      states.make("/d/new", "new")
      states.symbolicLink("/l", "d/new")
    })
    assert.deepStrictEqual(sorted(there), [`+ /d/new (${FILE})`, `+ /l (${SYMBOLIC_LINK})`, `- /d/old (${FILE})`])
    assert.deepStrictEqual(sorted(back), [`+ /d/old (${FILE})`, `- /d/new (${FILE})`, `- /l (${SYMBOLIC_LINK})`])
  })

  it("tells what moved by its number, and a new file of an old name as removed and added", () => {
    const states = new States()
    states.folder("/d")
    states.make("/d/a", "a")
    states.make("/b", "b")
    const { back, there } = states.after(() => {
      states.rename("/d/a", "/c")
      states.rename("/d", "/e")
      states.unlink("/b")
      states.make("/b", "other")
    })
    const both = [`+ /b (${FILE})`, `- /b (${FILE})`]
    assert.deepStrictEqual(sorted(there), [...both, `/d > /e (${FOLDER})`, `/d/a > /c (${FILE})`])
    assert.deepStrictEqual(sorted(back), [...both, `/c > /d/a (${FILE})`, `/e > /d (${FOLDER})`])
  })

  it("tells names of files with several as added, removed and renamed", () => {
    const states = new States()
    states.make("/a", "a")
    states.link("/a", "/b")
    const more = states.after(() => states.link("/a", "/c"))
    assert.deepStrictEqual([sorted(more.there), sorted(more.back)], [[`+ /c (${FILE})`], [`- /c (${FILE})`]])
    const two = states.after(() => {
      states.rename("/a", "/x")
      states.unlink("/b")
    })
    assert.deepStrictEqual(sorted(two.there), [`- /b (${FILE})`, `/a > /x (${FILE})`])
    assert.deepStrictEqual(sorted(two.back), [`+ /b (${FILE})`, `/x > /a (${FILE})`])
  })

  it("tells what is in a folder that comes or goes, and what moved out of it as moved", () => {
    const states = new States()
    states.folder("/d")
    states.folder("/d/in")
    states.make("/d/in/a")
    states.folder("/d/on")
    states.make("/d/on/b")
    states.make("/d/out")
    const { back, there } = states.after(() => {
      states.rename("/d/out", "/out")
      states.removeTree("/d")
      states.sweep(1000)
    })
    const moved = (from: string, path: string) => `${from} > ${path} (${FILE})`
    assert.deepStrictEqual(sorted(there), [
      `- /d (${FOLDER})`,
      `- /d/in (${FOLDER})`,
      `- /d/in/a (${FILE})`,
      `- /d/on (${FOLDER})`,
      `- /d/on/b (${FILE})`,
      moved("/d/out", "/out")
    ])
    assert.deepStrictEqual(sorted(back), [
      `+ /d (${FOLDER})`,
      `+ /d/in (${FOLDER})`,
      `+ /d/in/a (${FILE})`,
      `+ /d/on (${FOLDER})`,
      `+ /d/on/b (${FILE})`,
      moved("/out", "/d/out")
    ])
  })

  it("tells nothing of what is nameless in both states, and what loses its name as removed", () => {
    const states = new States()
    const number = states.make("/open", "open")
    states.open.add(number)
    const { back, there } = states.after(() => states.unlink("/open"))
    assert.deepStrictEqual([sorted(there), sorted(back)], [[`- /open (${FILE})`], [`+ /open (${FILE})`]])
    const nameless = states.after(() => states.write(number, 0, "changed"))
    assert.deepStrictEqual([nameless.there, nameless.back], [[], []])
    states.folder("/d")
    states.make("/d/a")
    states.open.add(Result.getOrThrow(states.resolve("/d")))
    const gone = states.after(() => states.removeTree("/d"))
    assert.deepStrictEqual(sorted(gone.there), [`- /d (${FOLDER})`, `- /d/a (${FILE})`])
    assert.deepStrictEqual(sorted(gone.back), [`+ /d (${FOLDER})`, `+ /d/a (${FILE})`])
  })

  it("lists folders of any size", () => {
    const states = new States()
    const { back, there } = states.after(() => {
      states.folder("/d")
      for (let i = 0; i < 600; i++) states.make(`/d/${String(i).padStart(3, "0")}`)
      states.folder("/d/e")
      for (let i = 0; i < 256; i++) states.make(`/d/e/${i}`)
    })
    assert.strictEqual(new Set(sorted(there)).size, 858)
    assert.deepStrictEqual([there.length, back.length], [858, 858])
    assert.isTrue(there.every(({ _tag }) => _tag === "Added") && back.every(({ _tag }) => _tag === "Removed"))
  })

  it("tells which bytes of short content differ", () => {
    const states = new States()
    const number = states.make("/f", "0123456789")
    const tell = (change: () => void): string => {
      const before = states.commit()
      // The times are set, so that they say nothing.
      change()
      states.change(number, { accessTime: BigInt(100), modifyTime: BigInt(100) })
      return states.difference(before, states.commit()).map(short).join()
    }
    states.change(number, { accessTime: BigInt(100), modifyTime: BigInt(100) })
    const head = `~ /f (${FILE})`
    assert.strictEqual(
      tell(() => states.write(number, 3, "x")),
      `${head} 10 10 [3+1]`
    )
    assert.strictEqual(
      tell(() => states.write(number, 2, "abcde")),
      `${head} 10 10 [2+5]`
    )
    assert.strictEqual(
      tell(() => states.write(number, 0, "z")),
      `${head} 10 10 [0+1]`
    )
    assert.strictEqual(
      tell(() => states.write(number, 9, "z")),
      `${head} 10 10 [9+1]`
    )
    assert.strictEqual(
      tell(() => states.write(number, 10, "zz")),
      `${head} 10 12 [10+2]`
    )
    assert.strictEqual(
      tell(() => states.truncate(number, 4)),
      `${head} 12 4 []`
    )
    assert.strictEqual(
      tell(() => states.write(number, 0, "z1")),
      ""
    )
    assert.strictEqual(
      tell(() => states.write(number, 0, "zz")),
      `${head} 4 4 [1+1]`
    )
    assert.strictEqual(
      tell(() => states.truncate(number, 0)),
      `${head} 4 0 []`
    )
  })

  it("tells which bytes of long content differ, and all of it where it has another form", () => {
    const states = new States()
    const number = states.make("/f", new Uint8Array(40 * 512).fill(1))
    const tell = (change: () => void): string => {
      const before = states.commit()
      change()
      states.change(number, { accessTime: BigInt(100), modifyTime: BigInt(100) })
      return states.difference(before, states.commit()).map(short).join()
    }
    states.change(number, { accessTime: BigInt(100), modifyTime: BigInt(100) })
    const head = `~ /f (${FILE})`
    const one = tell(() => states.write(number, 5000, "x"))
    assert.match(one, /^~ \/f \(\d\) 20480 20480 \[\d+\+\d+\]$/)
    assert.match(
      tell(() => {
        states.write(number, 0, "x")
        states.write(number, 19_000, "x")
      }),
      /^~ \/f \(\d\) 20480 20480 \[0\+\d+ \d+\+\d+\]$/,
      "two ranges that do not meet"
    )
    assert.match(
      tell(() => states.write(number, 1000, new Uint8Array(18_000).fill(3))),
      /^~ \/f \(\d\) 20480 20480 \[\d+\+\d+\]$/,
      "runs beside each other are one range"
    )
    assert.strictEqual(
      tell(() => {
        states.volume.run((draft) => Content.punch(draft, number, 5120, 5120, states.time))
        states.write(number, 10_240, new Uint8Array(5120).fill(9))
      }),
      `${head} 20480 20480 [5120+10240]`,
      "so are a hole and what stands behind it"
    )
    assert.strictEqual(
      tell(() => states.volume.run((draft) => Content.replace(draft, number, utf8("short"), states.time))),
      `${head} 20480 5 [0+5]`
    )
    assert.strictEqual(
      tell(() => states.write(number, 0, new Uint8Array(3000))),
      `${head} 5 3000 [0+3000]`
    )
    assert.strictEqual(
      tell(() => states.volume.run((draft) => Content.replace(draft, number, utf8(""), states.time))),
      `${head} 3000 0 []`
    )
  })

  it("tells other attributes, each by itself; of folders no times", () => {
    const states = new States()
    const [file, folder] = [states.make("/f", "f"), Result.getOrThrow(states.folder("/d"))]
    const tell = (number: number, changes: Attributes.Changes): ReadonlyArray<string> => {
      const { back, there } = states.after(() => states.change(number, changes))
      assert.deepStrictEqual(sorted(back), sorted(there))
      return sorted(there)
    }
    const changed = [`~ /f (${FILE}) 1 1 []*`]
    assert.deepStrictEqual(tell(file, { mode: RWX }), changed)
    assert.deepStrictEqual(tell(file, { uid: 7 }), changed)
    assert.deepStrictEqual(tell(file, { gid: 7 }), changed)
    assert.deepStrictEqual(tell(file, { modifyTime: BigInt(7) }), changed)
    assert.deepStrictEqual(tell(file, { accessTime: BigInt(7) }), changed)
    assert.deepStrictEqual(tell(file, {}), [], "the time of change alone says nothing")
    const folderChanged = [`~ /d (${FOLDER}) 0 0 []*`]
    assert.deepStrictEqual(tell(folder, { mode: RWX }), folderChanged)
    assert.deepStrictEqual(tell(folder, { uid: 7 }), folderChanged)
    assert.deepStrictEqual(tell(folder, { gid: 7 }), folderChanged)
    assert.deepStrictEqual(tell(folder, { modifyTime: BigInt(7), accessTime: BigInt(7) }), [])
    assert.deepStrictEqual(tell(Inode.ROOT, { mode: RWX }), [`~ / (${FOLDER}) 0 0 []*`])
    assert.deepStrictEqual(tell(Inode.ROOT, { modifyTime: BigInt(7) }), [])
    const extended = states.after(() => {
      states.setAttribute(file, "user.tag", "v")
      states.setAttribute(folder, "user.tag", "v")
    })
    assert.deepStrictEqual(sorted(extended.there), [...folderChanged, ...changed])
    assert.deepStrictEqual(sorted(extended.back), [...folderChanged, ...changed])
  })

  it("tells a file that was renamed and changed by its new name", () => {
    const states = new States()
    const number = states.make("/f", "f")
    const { there } = states.after(() => {
      states.rename("/f", "/g")
      states.write(number, 0, "g")
    })
    assert.deepStrictEqual(sorted(there), [`/f > /g (${FILE})`, `~ /g (${FILE}) 1 1 [0+1]*`])
  })

  it("tells tables and their entries, and nothing of the volume's own", () => {
    const states = new States()
    states.put("t", "a", "1")
    states.put("t", "b", "1")
    states.put("\0own", "x", "1")
    const { back, there } = states.after(() => {
      states.put("t", "a", "2")
      states.put("t", "c", "1")
      states.volume.run((draft) => Tables.remove(draft, utf8("t"), utf8("b")))
      states.put("u", "k", "1")
      states.put("\0own", "x", "2")
      states.put("\0more", "y", "1")
    })
    assert.deepStrictEqual(sorted(there), ["+ <t> c", "+ <u>", "+ <u> k", "- <t> b", "~ <t> a"])
    assert.deepStrictEqual(sorted(back), ["+ <t> b", "- <t> c", "- <u>", "~ <t> a"])
    const replaced = states.after(() => {
      while (!states.volume.run((draft) => Tables.drop(draft, utf8("t"), 100))) assert.isTrue(true)
      states.put("t", "z", "1")
    })
    assert.deepStrictEqual(sorted(replaced.there), ["+ <t>", "+ <t> z", "- <t>"])
  })

  it("tells nothing where nothing was changed", () => {
    const states = new States()
    states.make("/f", "f")
    const point = states.commit()
    assert.deepStrictEqual(states.difference(point, point), [])
  })
})

describe("Parents", () => {
  it("are the entries that name an inode, and the way up to the root", () => {
    const states = new States()
    const folder = Result.getOrThrow(states.folder("/d"))
    const inner = Result.getOrThrow(states.folder("/d/é"))
    const number = states.make("/d/a")
    states.link("/d/a", "/d/é/b")
    states.link("/d/a", "/c")
    const { volume } = states
    const of = (one: number) =>
      volume.read((pages) => Parents.of(pages, volume.names, one)).map((entry) => [entry.folder, text(entry.name)])
    assert.deepStrictEqual(of(number), [
      [1, "c"],
      [folder, "a"],
      [inner, "b"]
    ])
    assert.deepStrictEqual(of(99), [])
    const path = (one: number) => volume.read((pages) => Parents.folderPath(pages, volume.names, one))
    assert.deepStrictEqual([1, folder, inner, 99].map(path), ["/", "/d", "/d/é", undefined])
    assert.deepStrictEqual([Parents.join("/", utf8("a")), Parents.join("/d", utf8("a"))], ["/a", "/d/a"])
  })

  it("end where a forged folder is inside itself", () => {
    const states = new States()
    const folder = Result.getOrThrow(states.folder("/d"))
    const { volume } = states
    volume.run((draft) => {
      Inodes.removeItem(draft, Inode.parentKey(folder, Inode.ROOT, utf8("d")))
      Inodes.putItem(draft, Inode.parentKey(folder, folder, utf8("d")), new Uint8Array(0))
    })
    let thrown: unknown
    try {
      volume.read((pages) => Parents.folderPath(pages, volume.names, folder))
    } catch (error) {
      thrown = error
    }
    assert(thrown instanceof CorruptPage)
    assert.strictEqual(thrown.reason, `folder ${folder} is inside itself`)
  })
})
