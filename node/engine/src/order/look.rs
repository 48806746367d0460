//! Looking for makers for what is left of an order.

use bitcoin::secp256k1::PublicKey;
use tokio::time::Instant;
use tracing::info;

use super::limits::allot;
use super::parts::Tally;
use super::plan::{Covering, cover};
use super::planned;
use super::record::OrderTask;
use super::run::{LOOK, PATIENCE, Runner, Step};
use super::view::PlannedSwap;
use crate::handle::EngineError;
use crate::record::OrderRecord;
use crate::view::QuoteView;

/// How often one order looks for makers at most.
const MOST_ROUNDS: u32 = 16;

impl Runner {
    /// Looks for makers for what is left. None: there are none now.
    pub(super) async fn look(
        &mut self,
        record: &OrderRecord,
        task: &OrderTask,
        tally: &Tally,
    ) -> Result<Option<Vec<PlannedSwap>>, EngineError> {
        let max_parts = task.wish.parts().saturating_sub(tally.standing);
        if max_parts == 0 {
            let most = task.wish.parts();
            self.stuck(format!(
                "{} sat are left, and the order may be no more than {most} swaps",
                tally.left_sat
            ))
            .await?;
            return Ok(None);
        }
        if task.rounds >= MOST_ROUNDS {
            self.stuck(format!("makers were looked for {MOST_ROUNDS} times"))
                .await?;
            return Ok(None);
        }
        let budget = tally.budget(task);
        let except: Vec<PublicKey> = task
            .failed
            .iter()
            .map(|failed| failed.maker)
            .chain(self.standing_makers().await?)
            .collect();
        let covering = Covering {
            wish: &task.wish,
            amount_sat: if task.wish.receive {
                task.wish.amount_sat
            } else {
                tally.left_sat
            },
            max_parts,
            except: &except,
            max_locked: budget.locked_blocks,
            max_loss: budget.loss_sat,
        };
        info!(order = %self.id.short(), left_sat = tally.left_sat, "makers are looked for");
        let answers = match cover(&self.shared.engine, &*self.shared.makers, covering).await {
            Ok(answers) => answers,
            Err(error @ EngineError::Stopped) => return Err(error),
            Err(EngineError::Unavailable(_)) => {
                // The chain will be in reach again.
                self.patient_until
                    .get_or_insert_with(|| Instant::now() + PATIENCE);
                return Ok(None);
            }
            Err(error) => {
                self.stuck(error.to_string()).await?;
                return Ok(None);
            }
        };
        if answers.best.is_empty() {
            return Ok(None);
        }
        self.patient_until = None;
        let quotes: Vec<&QuoteView> = answers.best.iter().collect();
        match allot(&quotes, &budget) {
            Ok(allotted) => {
                self.shared.update(self.id, |task| task.rounds += 1).await?;
                Ok(Some(planned(
                    &task.wish,
                    record.amount_sat,
                    &answers.best,
                    &allotted,
                )))
            }
            Err(why) => {
                self.stuck(format!("with other makers {why}")).await?;
                Ok(None)
            }
        }
    }

    /// Of each maker one swap of an order is open at most.
    async fn standing_makers(&self) -> Result<Vec<PublicKey>, EngineError> {
        let parts = self.shared.engine.order_parts(self.id).await?;
        let open = parts.iter().filter(|part| !part.view.ended);
        Ok(open.map(|part| part.maker).collect())
    }

    /// There is nobody to ask now.
    pub(super) async fn waiting(&mut self, task: &OrderTask) -> Result<Step, EngineError> {
        let now_stuck = self
            .shared
            .get(self.id)
            .and_then(|record| record.task)
            .is_none_or(|task| task.stuck.is_some());
        if now_stuck {
            return Ok(Step::Again);
        }
        if self
            .patient_until
            .is_some_and(|until| Instant::now() < until)
        {
            // A change elsewhere is no reason to ask again at once.
            tokio::time::sleep(LOOK).await;
            return Ok(Step::Wait);
        }
        let why = match task.failed.last() {
            Some(failed) => format!(
                "no other maker takes it on; the last said: {}",
                failed.reason
            ),
            None => "no maker takes it on now".to_owned(),
        };
        self.stuck(why).await?;
        Ok(Step::Again)
    }
}
