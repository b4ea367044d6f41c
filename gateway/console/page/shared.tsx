import type { ComponentChildren, VNode } from "preact";
import { createContext } from "preact";
import { useContext } from "preact/hooks";

import type { Me } from "../contract.ts";
import type { Feed } from "./feed.ts";
import { german } from "./texts-de.ts";
import { english } from "./texts-en.ts";
import type { Texts } from "./texts.ts";

/** In the browser's language where there is one. */
const language = navigator.languages.find((one) => /^(?:de|en)/.test(one)) ?? "en";
export const texts: Texts = language.startsWith("de") ? german : english;
export const isGerman: boolean = texts.language === "de";

/** What every page is made from. */
export interface Shared {
  readonly me: Me;
  readonly feed: Feed;
  /** Asks again who this is. */
  readonly refresh: () => Promise<void>;
}

export const SharedContext = createContext<Shared | null>(null);

export function useShared(): Shared {
  const shared = useContext(SharedContext);
  if (shared === null) {
    throw new Error("no shared context");
  }
  return shared;
}

/** A part of a page with a heading. */
export function Section({
  title,
  children,
}: {
  title: string;
  children: ComponentChildren;
}): VNode {
  return (
    <section class="section">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

/** What something is called, and what it is. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }): VNode {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
