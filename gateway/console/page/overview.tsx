import type { VNode } from "preact";

import { bytesText } from "./age.ts";
import { texts, useShared } from "./shared.tsx";
import { type Task, tasksOf } from "./tasks.ts";

/** One page that says "all is well", or what to do. */
export function Overview(): VNode {
  const { feed } = useShared();
  const { facts } = feed;
  if (facts === null) {
    return <main class="plain">{texts.waitingForGateway}</main>;
  }
  const tasks = tasksOf(facts);
  if (tasks.length === 0) {
    const count = facts.devices.length;
    return (
      <main class="plain well">
        <h1>
          <span aria-hidden="true">✓</span> {texts.allWell}
        </h1>
        <p>{texts.allWellMore(count)}</p>
      </main>
    );
  }
  return (
    <main class="plain">
      <h1>{texts.toDo}</h1>
      <ol class="tasks">
        {tasks.slice(0, SHOWN).map((task) => {
          const [title, text] = wordsOf(task);
          return (
            <li key={task.kind}>
              <strong>{title}</strong>
              <span>{text}</span>
            </li>
          );
        })}
      </ol>
      {tasks.length > SHOWN && <p class="hint">{texts.moreToDo(tasks.length - SHOWN)}</p>}
    </main>
  );
}

/** More at once nobody does. */
const SHOWN = 3;

function wordsOf(task: Task): readonly [string, string] {
  const words = texts.tasks;
  switch (task.kind) {
    case "flows-down":
      return words.flowsDown;
    case "unhealthy":
      return [words.unhealthy[0], `${task.text}. ${words.unhealthy[1]}`];
    case "certificate":
      return words.certificate(task.days);
    case "link":
      return words.link(task.waiting);
    case "full":
      return words.full(bytesText(task.freeBytes));
    case "clock":
      return words.clock;
    case "devices":
      return [
        words.devices(task.devices.length, task.devices[0] ?? ""),
        task.devices.length === 1 ? task.text : task.devices.slice(0, 6).join(", "),
      ];
  }
}
