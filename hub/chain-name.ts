/** One chain of records: one gateway, store and record class. */
export interface ChainName {
  readonly gateway: string;
  readonly store: string;
  readonly class: string;
}

/** A text that stands for the chain. */
export function chainKey({ gateway, store, class: name }: ChainName): string {
  return `${gateway}/${store}/${name}`;
}
