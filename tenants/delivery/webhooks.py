"""Posting events to webhooks: charge points side by side, the events of each one after the other.

Crash points: before the post, the job is taken again; between the post and `write_results`, it is posted again with
the same id; the lease of a process that died runs out within a minute.
"""

import asyncio
import json
import time
from collections import defaultdict

import structlog

from tenants.delivery import queue
from tenants.delivery.backoff import is_of_the_address
from tenants.delivery.queue import Hook, Job, Result
from tenants.delivery.threads import in_thread
from tenants.metrics import DELIVERIES, POST_SECONDS, result_of
from tenants.outbound import InvalidUrl, RequestFailed, post, signature_headers
from tenants.sealing import SealBroken, unseal
from tenants.stored_words import stored

log = structlog.get_logger(__name__)

PURPOSE = "webhook"
TIMEOUT_S = 15.0
LONGEST_ANSWER = 64 * 1024
# Posts of one webhook at once; webhooks of one process at once.
SIDE_BY_SIDE, HOOKS = 16, 20
# A batch ends after so long, whoever still waits: the lease must not run out under it.
BATCH_S = 30.0
IDLE_S = 0.5

SECRET_LOST = stored("Its secret can't be opened: rotate it.")
ANSWERED = stored("It answered with status %(status)s.")


async def deliver(stop: asyncio.Event) -> None:
    """Send what there is to send until `stop`."""
    running: dict[int, asyncio.Task[None]] = {}
    while not stop.is_set():
        try:
            for hook in await in_thread(queue.lease_webhooks, HOOKS - len(running)) if len(running) < HOOKS else []:
                task = asyncio.create_task(_send_for(hook, stop))
                running[hook.id] = task
                task.add_done_callback(lambda _task, hook=hook: running.pop(hook.id, None))  # type: ignore[misc]
        except Exception as error:
            log.warning("webhooks wait", error=f"{type(error).__name__}: {error}"[:200])
        await pause(stop, IDLE_S)
    await asyncio.gather(*running.values(), return_exceptions=True)


async def _send_for(hook: Hook, stop: asyncio.Event) -> None:
    """Until its queue is empty or rests. What fails here leaves the lease to run out."""
    try:
        while not stop.is_set():
            jobs = await in_thread(queue.take_jobs, hook.id, hook.database)
            if not jobs:
                break
            results = await send_jobs(hook, jobs, stop)
            await in_thread(queue.write_results, hook.id, results, hook.database)
        await in_thread(queue.release, hook.id, hook.database)
    except Exception as error:
        log.warning("webhook waits", webhook_id=hook.id, error=f"{type(error).__name__}: {error}"[:200])


async def send_jobs(hook: Hook, jobs: list[Job], stop: asyncio.Event | None = None) -> list[Result]:
    """Post them; a charge point's events stop at the first that fails. After `stop` none is begun: they wait for the next."""
    try:
        secrets = [unseal(sealed, PURPOSE) for sealed in hook.secrets]
    except SealBroken:
        return [Result(jobs[0], False, None, SECRET_LOST, 0)]
    lines: defaultdict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        lines[job.charge_point].append(job)
    stop = stop or asyncio.Event()
    gate, results, deadline = asyncio.Semaphore(SIDE_BY_SIDE), list[Result](), time.monotonic() + BATCH_S
    silent = asyncio.Event()

    async def send_line(line: list[Job]) -> None:
        for job in line:
            async with gate:
                # An address that has just not answered is not asked for all the others too.
                if silent.is_set() or stop.is_set() or time.monotonic() > deadline:
                    return
                result = await _post(hook.url, secrets, job)
            results.append(result)
            if not result.delivered:
                if is_of_the_address(result.status_code):
                    silent.set()
                return

    await asyncio.gather(*(send_line(line) for line in lines.values()))
    return results


async def _post(url: str, secrets: list[str], job: Job) -> Result:
    started = time.monotonic()
    body = json.dumps(job.body, separators=(",", ":")).encode()
    status: int | None = None
    try:
        status, _ = await post(
            url, body, signed(secrets, str(job.event_id), body), timeout_s=TIMEOUT_S, most_bytes=LONGEST_ANSWER
        )
        detail = "" if 200 <= status < 300 else ANSWERED % {"status": status}
    except (RequestFailed, InvalidUrl) as error:
        detail = str(error)
    took = round((time.monotonic() - started) * 1000)
    DELIVERIES.labels("webhook", result_of(status)).inc()
    POST_SECONDS.observe(took / 1000)
    return Result(job, not detail, status, detail, took)


def signed(secrets: list[str], event_id: str, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks; while a secret is rotated, the signatures of both."""
    at = time.time()
    headers = signature_headers(secrets[0], event_id, body, at)
    for secret in secrets[1:]:
        headers["webhook-signature"] += " " + signature_headers(secret, event_id, body, at)["webhook-signature"]
    return headers


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """So long, or until `stop`."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
