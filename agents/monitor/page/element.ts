import { type Attributes, type ComponentChildren, h as create, type VNode } from "preact";

/**
 * Preact's `h`, of one type for all elements: Node runs the page's source as it is, types stripped, so there is no JSX, and its types for `h` don't
 * fit `exactOptionalPropertyTypes`. Texts are escaped, whatever they contain.
 */
export function h(type: string, props: object, children?: ComponentChildren): VNode;
export function h<P extends object>(
  type: (props: P) => ComponentChildren,
  props: P & Attributes,
  children?: ComponentChildren,
): VNode;
export function h(type: unknown, props: object, children?: ComponentChildren): VNode {
  return create(type as string, props as Attributes, children) as VNode;
}
