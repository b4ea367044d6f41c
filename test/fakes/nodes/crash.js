// A node that fails where nobody catches: in a timer, or in a promise.
export default function crash(RED) {
  RED.nodes.registerType("crash", function construct(fields) {
    RED.nodes.createNode(this, fields);
    setTimeout(() => {
      const error = new Error(`told to ${fields.how}`);
      if (fields.how === "throws") {
        throw error;
      }
      void Promise.reject(error);
    }, 100);
  });
}
