import { Machine, type PickleHandlers } from "./machine.ts";
import { operations } from "./opcodes.ts";
import type { Value } from "./values.ts";

export { PickleError, type PickleHandlers, PickleRefusal } from "./machine.ts";

const stop = 0x2e;

/**
 * Reads one pickle of protocol 2 to 5 (PEP 307, PEP 3154, PEP 574) as inert data. It has no access to any
 * code: a global is a name, a call outside the handlers' allow list becomes an {@link Opaque}.
 * Memory and time are bounded by the number of bytes and a fixed budget. Throws {@link PickleError}.
 * @returns the value and the offset behind its last byte
 */
export function readPickle(
  bytes: Uint8Array,
  handlers: PickleHandlers,
  start = 0,
): { readonly value: Value; readonly end: number } {
  const machine = new Machine(bytes, handlers, start);
  for (;;) {
    machine.opcodeAt = machine.position;
    const opcode = machine.uint(1);
    if (opcode === stop) {
      return { value: machine.pop(), end: machine.position };
    }
    const operation = operations.get(opcode);
    if (!operation) {
      throw machine.error(
        `The pickle has the opcode 0x${opcode.toString(16)}, which protocols 2 to 5 do not use.`,
      );
    }
    operation(machine);
  }
}
