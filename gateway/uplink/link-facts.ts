/** What is known of a connection to the broker that was made. */
export interface LinkFacts {
  /** Messages without an answer that the broker allows. */
  readonly inflightMax: number;
  /** MQTT 5: the broker says when nobody has subscribed. One that does not may take a message and throw it away. */
  readonly tellsNobody: boolean;
}
