//! A target that does nothing.

use std::sync::Mutex;

use futures::{StreamExt, future::BoxFuture, stream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::{
    cockpit::tests::fixtures,
    fleet::world::Operator,
    release::{
        Confirmed, Fault, FaultKind,
        check::CheckAnswer,
        operation::{OperationId, Progress},
        plan::{Plan, Request},
        record::Ledger,
        recovery::{LockRequest, RecoveryRequest, UnlockRequest},
        survey::Survey,
    },
    target::{BoxStream, Chunk, LogQuery, Observe, Operate, Reading, RenderedPlan},
};

/// A target whose logs a test writes.
#[derive(Default)]
pub struct FakeTarget {
    pub logs: Mutex<Option<mpsc::UnboundedReceiver<Chunk>>>,
}

fn not_here<T: Send + 'static>() -> BoxFuture<'static, Result<T, Fault>> {
    Box::pin(async {
        Err(Fault::new(
            FaultKind::Unsupported,
            "test",
            "is not part of this test",
        ))
    })
}

impl Observe for FakeTarget {
    fn readings(&self) -> BoxStream<Reading> {
        stream::pending().boxed()
    }

    fn retry_now(&self) {}

    fn logs(&self, _: LogQuery) -> BoxStream<Chunk> {
        match self.logs.lock().unwrap().take() {
            Some(receiver) => UnboundedReceiverStream::new(receiver).boxed(),
            None => stream::pending().boxed(),
        }
    }

    fn follow(&self, _: OperationId) -> BoxStream<Progress> {
        stream::pending().boxed()
    }

    fn history(&self, _: usize) -> BoxFuture<'_, Result<Ledger, Fault>> {
        not_here()
    }

    fn survey(&self, _: Request) -> BoxFuture<'_, Result<Survey, Fault>> {
        not_here()
    }

    fn commands(&self, _: &Plan) -> RenderedPlan {
        fixtures::commands()
    }
}

impl Operate for FakeTarget {
    fn start(&self, _: Confirmed<Plan>) -> BoxFuture<'_, Result<OperationId, Fault>> {
        not_here()
    }

    fn recover(
        &self,
        _: Confirmed<RecoveryRequest>,
        _: &Operator,
    ) -> BoxFuture<'_, Result<Option<OperationId>, Fault>> {
        not_here()
    }

    fn lock(
        &self,
        _: Confirmed<LockRequest>,
        _: &Operator,
    ) -> BoxFuture<'_, Result<OperationId, Fault>> {
        not_here()
    }

    fn answer_check(&self, _: Confirmed<CheckAnswer>) -> BoxFuture<'_, Result<bool, Fault>> {
        not_here()
    }

    fn unlock(
        &self,
        _: Confirmed<UnlockRequest>,
        _: &Operator,
    ) -> BoxFuture<'_, Result<(), Fault>> {
        not_here()
    }
}
