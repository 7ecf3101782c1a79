/** Puts the focus on an element where what had it is gone, as a form whose answer has come; it is taken from nobody. */
export function focusWhereLost(element: HTMLElement | null): void {
  if (element && document.hasFocus() && document.activeElement === document.body) {
    element.focus({ preventScroll: true });
  }
}
