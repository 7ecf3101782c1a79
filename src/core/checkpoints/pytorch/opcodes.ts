import type { Machine } from "./machine.ts";
import { Global } from "./values.ts";

type Operation = (machine: Machine) => void;

/** Each opcode of protocols 2 to 5. STOP ends the loop and is not among them. */
export const operations: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  // Structure
  [0x80, (m) => m.protocol()], // PROTO
  [0x95, (m) => void m.take(8)], // FRAME
  [0x28, (m) => m.mark()], // MARK
  [0x30, (m) => m.discard()], // POP
  [0x31, (m) => void m.popToMark()], // POP_MARK
  [0x32, (m) => m.push(m.top())], // DUP
  [0x71, (m) => m.remember(m.uint(1))], // BINPUT
  [0x72, (m) => m.remember(m.uint(4))], // LONG_BINPUT
  [0x94, (m) => m.remember(m.memo.size)], // MEMOIZE
  [0x68, (m) => m.recall(m.uint(1))], // BINGET
  [0x6a, (m) => m.recall(m.uint(4))], // LONG_BINGET
  // Numbers
  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4b, (m) => m.push(m.uint(1))], // BININT1
  [0x4d, (m) => m.push(m.uint(2))], // BININT2
  [0x4a, (m) => m.push(m.int32())], // BININT
  [0x8a, (m) => m.push(m.integer(m.uint(1)))], // LONG1
  [0x8b, (m) => m.push(m.integer(m.uint(4)))], // LONG4
  [0x47, (m) => m.push(m.float(), 16)], // BINFLOAT
  // Text and bytes
  [0x55, (m) => m.push(m.text(m.uint(1), "latin1"))], // SHORT_BINSTRING
  [0x54, (m) => m.push(m.text(m.uint(4), "latin1"))], // BINSTRING
  [0x8c, (m) => m.push(m.text(m.uint(1)))], // SHORT_BINUNICODE
  [0x58, (m) => m.push(m.text(m.uint(4)))], // BINUNICODE
  [0x8d, (m) => m.push(m.text(m.uint64()))], // BINUNICODE8
  [0x43, (m) => m.push(m.raw(m.uint(1)), 128)], // SHORT_BINBYTES
  [0x42, (m) => m.push(m.raw(m.uint(4)), 128)], // BINBYTES
  [0x8e, (m) => m.push(m.raw(m.uint64()), 128)], // BINBYTES8
  [0x96, (m) => m.push(m.raw(m.uint64()), 128)], // BYTEARRAY8
  [0x98, () => {}], // READONLY_BUFFER
  // Containers
  [0x29, (m) => m.push([], 64)], // EMPTY_TUPLE
  [0x5d, (m) => m.push([], 64)], // EMPTY_LIST
  [0x74, (m) => m.push(m.popToMark(), 64)], // TUPLE
  [0x6c, (m) => m.push(m.popToMark(), 64)], // LIST
  [0x85, (m) => m.push(m.popMany(1), 64)], // TUPLE1
  [0x86, (m) => m.push(m.popMany(2), 64)], // TUPLE2
  [0x87, (m) => m.push(m.popMany(3), 64)], // TUPLE3
  [0x61, (m) => m.append(m.popMany(1))], // APPEND
  [0x65, (m) => m.append(m.popToMark())], // APPENDS
  [0x7d, (m) => m.push(new Map(), 256)], // EMPTY_DICT
  [0x64, (m) => m.push(m.setItems(new Map(), m.popToMark()), 256)], // DICT
  [0x73, (m) => m.setTopItems(m.popMany(2))], // SETITEM
  [0x75, (m) => m.setTopItems(m.popToMark())], // SETITEMS
  [0x8f, (m) => m.push(new Set(), 256)], // EMPTY_SET
  [0x91, (m) => m.push(new Set(m.popToMark()), 256)], // FROZENSET
  [0x90, (m) => m.addItems(m.popToMark())], // ADDITEMS
  // Objects
  [0x63, (m) => m.push(new Global(m.line(), m.line()), 128)], // GLOBAL
  [0x93, (m) => m.stackGlobal()], // STACK_GLOBAL
  [0x52, (m) => m.invoke(...m.popMany(2))], // REDUCE
  [0x81, (m) => m.invoke(...m.popMany(2))], // NEWOBJ
  [0x92, (m) => m.invoke(...m.popMany(3).slice(0, 2))], // NEWOBJ_EX
  [0x62, (m) => m.build()], // BUILD
  [0x51, (m) => m.persistent()], // BINPERSID
]);
