import type { Disposable } from "vscode";

/** A thing with a lifetime: what it registers is disposed with it, last first. */
export abstract class Owner implements Disposable {
  private readonly owned: Disposable[] = [];
  private disposed = false;

  /** Ties `thing` to this object's lifetime and returns it. */
  protected own<T extends Disposable>(thing: T): T {
    if (this.disposed) {
      thing.dispose();
    } else {
      this.owned.push(thing);
    }
    return thing;
  }

  dispose(): void {
    this.disposed = true;
    for (const thing of this.owned.splice(0).reverse()) {
      thing.dispose();
    }
  }
}
